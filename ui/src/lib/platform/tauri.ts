/** The shell that is shipped. Nothing else in the interface knows it. */
import { Channel, invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import { getCurrentWindow } from "@tauri-apps/api/window";
import { open } from "@tauri-apps/plugin-dialog";
import type { Event } from "../api/generated";
import type { Args, CommandName, Platform, Reply } from "./platform";

/** How long a window may take over closing, in milliseconds. */
const LONGEST_CLOSING = 2_000;

export const tauri: Platform = {
  call<K extends CommandName>(command: K, args: Args<K>): Promise<Reply<K>> {
    return invoke<Reply<K>>("call", { command, args });
  },
  async listen(onEvent) {
    const channel = new Channel<Event>();
    channel.onmessage = onEvent;
    await invoke("listen", { channel });
  },
  async restore(phrase) {
    await invoke("restore", { phrase });
  },
  async opened(onLink) {
    // The shell keeps a link until it is asked for, so none is lost while nobody listens, and none comes twice.
    const ask = async () => {
      const link = await invoke<string | null>("opened_with");
      if (link !== null) onLink(link);
    };
    await listen("ticket-came", () => void ask());
    await ask();
  },
  async chooseFolder(title) {
    return await open({ directory: true, multiple: false, title });
  },
  beforeClosing(settle) {
    void getCurrentWindow().onCloseRequested(async () => {
      await Promise.race([settle(), new Promise((late) => setTimeout(late, LONGEST_CLOSING))]);
    });
  },
  browse(address) {
    // The shell opens no second window; it looks at the address and hands it on.
    window.open(address, "_blank", "noopener,noreferrer");
  },
  title(text) {
    void getCurrentWindow().setTitle(text);
  },
};
