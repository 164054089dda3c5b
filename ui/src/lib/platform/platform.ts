/**
 * What the interface asks of the program it runs in: to carry out the engine's commands, to tell its events, and to let a
 * folder be chosen. `tauri.ts` is the one that is shipped.
 */
import type { ApiError, Commands, Event } from "../api/generated";

export type CommandName = keyof Commands;
export type Args<K extends CommandName> = Commands[K]["args"];
export type Reply<K extends CommandName> = Commands[K]["reply"];

export interface Platform {
  /** Carries out a command. Rejections are `ApiError`s; see `problemOf`. */
  call<K extends CommandName>(command: K, args: Args<K>): Promise<Reply<K>>;
  /** Hands on every event from now on; when it returns, nothing can be missed any more. */
  listen(onEvent: (event: Event) => void): Promise<void>;
  /** Has the engine begin anew with the key of a recovery phrase, where it is in no commons yet. Listen again afterwards. */
  restore(phrase: string): Promise<void>;
  /** Lets a folder be chosen; null when the person changed their mind. */
  chooseFolder(title: string): Promise<string | null>;
  /** Hands on every ticket link that the app was or is opened with, from anywhere outside it. */
  opened(onLink: (link: string) => void): Promise<void>;
  /** Hands an address of the web to the person's browser. */
  browse(address: string): void;
  /** Names the window. */
  title(text: string): void;
  /** Has this done before the window closes; a window that takes too long over it closes all the same. */
  beforeClosing(settle: () => Promise<void>): void;
}

let current: Platform | null = null;

/** Says what the interface runs in. Called once, before anything is shown. */
export function runOn(platform: Platform): void {
  current = platform;
}

/** What the interface runs in. */
export function platform(): Platform {
  if (current === null) throw new Error("runOn comes first");
  return current;
}

/** Carries out a command. */
export function call<K extends CommandName>(command: K, args: Args<K>): Promise<Reply<K>> {
  return platform().call(command, args);
}

/** What a rejection says, as the engine words it; anything else that was thrown is shown as it is. */
export function problemOf(thrown: unknown): ApiError {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) return thrown as ApiError;
  return { code: "internal", message: thrown instanceof Error ? thrown.message : String(thrown) };
}
