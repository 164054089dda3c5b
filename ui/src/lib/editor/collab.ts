/**
 * The page's text in the window and the same text in the engine, kept one.
 *
 * The engine is the authority: it keeps a log of updates, and this window's changes count once they stand in that log. A
 * window pushes what the log does not have yet, one push at a time; what it is told of the log it applies, its own updates
 * included, whether they come as an answer, as an event, or by asking. `SyncedText` is that protocol over any holder of an
 * editor state; `collabBinding` puts it into a CodeMirror view.
 */
import { collab, getSyncedVersion, receiveUpdates, sendableUpdates } from "@codemirror/collab";
import { ChangeSet, EditorState, Facet, type Extension, type Transaction } from "@codemirror/state";
import { EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import type { EditorPushed, EditorUpdate, EditorUpdates } from "../api/generated";

/** The engine's side of one editor session. */
export interface Authority {
  push(version: number, updates: EditorUpdate[]): Promise<EditorPushed>;
  pull(version: number): Promise<EditorUpdates>;
}

/** Whatever holds the editor's state: a view, or in tests a bare state. */
export interface StateHolder {
  readonly state: EditorState;
  dispatch(transaction: Transaction): void;
}

export interface SyncedTextOptions {
  authority: Authority;
  /** A push or pull failed; what was typed is still here and is tried again. */
  onTrouble?: (thrown: unknown) => void;
  /** The authority has taken something again, after trouble. */
  onRecovered?: () => void;
  /** Calls back after a pause, to try again. */
  later?: (retry: () => void) => void;
}

const RETRY_AFTER_MS = 2000;

/** One window's text, synced with the authority. */
export class SyncedText {
  #talking = false;
  #closed = false;
  #troubled = false;
  /** The version up to which the log is known to reach, when that is further than what has been applied. */
  #heardOf = 0;
  #whenIdle: (() => void)[] = [];

  constructor(
    private readonly holder: StateHolder,
    private readonly options: SyncedTextOptions,
  ) {}

  /** Whether the log has everything typed here, as far as this window knows. */
  get settled(): boolean {
    return sendableUpdates(this.holder.state).length === 0;
  }

  /** To be called after every change of the state. */
  changed(): void {
    if (!this.settled) void this.#talk();
  }

  /** Applies news of the log. Overlaps are dropped; a gap is fetched. */
  receive(news: EditorUpdates): void {
    if (this.#closed) return;
    this.#heardOf = Math.max(this.#heardOf, news.from + news.updates.length);
    const synced = getSyncedVersion(this.holder.state);
    if (news.from <= synced) {
      const fresh = news.updates.slice(synced - news.from);
      if (fresh.length > 0) this.#apply(fresh);
    }
    if (this.#behind || !this.settled) void this.#talk();
  }

  /** Asks the authority whether there is news; for a window that may have missed some. */
  lookAgain(): void {
    this.#heardOf = Math.max(this.#heardOf, getSyncedVersion(this.holder.state) + 1);
    void this.#talk();
  }

  /** Resolves when everything typed so far has been taken, or when trouble keeps it from being taken. */
  async flush(): Promise<void> {
    if (this.settled && !this.#talking) return;
    const idle = new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    void this.#talk();
    await idle;
  }

  /** Nothing is sent or applied any more. */
  close(): void {
    this.#closed = true;
  }

  get #behind(): boolean {
    return this.#heardOf > getSyncedVersion(this.holder.state);
  }

  #apply(updates: EditorUpdate[]): void {
    const parsed = updates.map((u) => ({ clientID: u.clientId, changes: ChangeSet.fromJSON(u.changes) }));
    this.holder.dispatch(receiveUpdates(this.holder.state, parsed));
  }

  /** Talks to the authority until neither side has news for the other. Only one such talk goes on at a time. */
  async #talk(): Promise<void> {
    if (this.#talking || this.#closed) return;
    this.#talking = true;
    try {
      while (!this.#closed && (this.#behind || !this.settled)) {
        const advanced = this.#behind ? await this.#pull() : await this.#push();
        if (!advanced && (this.#behind || !this.settled)) {
          // Refused, and yet nothing new: the authority is busy with something else. Ask again, not at once.
          this.#later();
          return;
        }
      }
      if (this.#troubled) {
        this.#troubled = false;
        this.options.onRecovered?.();
      }
    } catch (thrown) {
      this.#trouble(thrown);
    } finally {
      this.#talking = false;
      for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  /** Whether the push moved anything. */
  async #push(): Promise<boolean> {
    const version = getSyncedVersion(this.holder.state);
    const updates = sendableUpdates(this.holder.state).map((u) => ({
      clientId: u.clientID,
      changes: u.changes.toJSON() as EditorUpdate["changes"],
    }));
    const reply = await this.options.authority.push(version, updates);
    if (this.#closed) return false;
    if (reply.accepted) {
      // Taken on top of `version`: the log holds exactly these next, whether or not the event has said so already.
      this.receive({ from: version, updates });
      return true;
    }
    const before = getSyncedVersion(this.holder.state);
    return before > version || (await this.#pull());
  }

  /** Whether the log had something new, or is known to have more by now than when it was asked. */
  async #pull(): Promise<boolean> {
    const version = getSyncedVersion(this.holder.state);
    const heardOf = this.#heardOf;
    const news = await this.options.authority.pull(version);
    if (this.#closed) return false;
    // The answer is the truth at its time; only what was heard since may go beyond it.
    if (this.#heardOf === heardOf) this.#heardOf = Math.min(heardOf, news.from + news.updates.length);
    this.receive(news);
    return getSyncedVersion(this.holder.state) > version || this.#heardOf > heardOf;
  }

  #trouble(thrown: unknown): void {
    if (this.#closed) return;
    this.#troubled = true;
    this.options.onTrouble?.(thrown);
    this.#later();
  }

  #later(): void {
    const later = this.options.later ?? ((retry) => void setTimeout(retry, RETRY_AFTER_MS));
    later(() => void this.#talk());
  }
}

export interface CollabBindingOptions extends SyncedTextOptions {
  /** Names this window in the log; random. */
  clientId: string;
  /** The version of the log that the state's text stands at. */
  version: number;
}

const bindingOptions = Facet.define<SyncedTextOptions, SyncedTextOptions | null>({ combine: (given) => given[0] ?? null });

const binding = ViewPlugin.define((view) => {
  const options = view.state.facet(bindingOptions);
  if (options === null) throw new Error("collabBinding brings the options with the plugin");
  const text = new SyncedText(view, options);
  return {
    text,
    update(update: ViewUpdate) {
      // A view cannot be changed while it updates, and `receive` may change it before its first wait.
      if (update.docChanged) queueMicrotask(() => text.changed());
    },
    destroy: () => text.close(),
  };
});

/** Everything that ties an editor to its session. Give the state `EditorState.create({ doc: opened.text, … })`. */
export function collabBinding(options: CollabBindingOptions): Extension {
  return [
    pageLines,
    collab({ startVersion: options.version, clientID: options.clientId }),
    bindingOptions.of(options),
    binding,
  ];
}

/** The text of a view as it is synced, to hand it events. */
export function syncedText(view: EditorView): SyncedText | null {
  return view.plugin(binding)?.text ?? null;
}

/**
 * A line ends with `\n` and with nothing else, so that a page with `\r` in it stays what it is, byte for byte, and positions
 * agree with the engine's.
 */
export const pageLines: Extension = [
  EditorState.lineSeparator.of("\n"),
  // What is pasted is new text: there the ends of lines may be put right.
  EditorView.clipboardInputFilter.of((text) => text.replace(/\r\n?/g, "\n")),
];
