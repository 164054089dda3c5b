/** The engine's side of editor sessions, in little: a log of updates that takes a push only on top of all that is in it. */
import { ChangeSet, Text } from "@codemirror/state";
import type { EditorPushed, EditorUpdate, EditorUpdates } from "../lib/api/generated";

export class Log {
  readonly updates: EditorUpdate[] = [];
  text: Text;
  readonly #base: number;
  readonly #listeners = new Set<(news: EditorUpdates) => void>();

  constructor(text: string, base = 0) {
    this.text = Text.of(text.split("\n"));
    this.#base = base;
  }

  get version(): number {
    return this.#base + this.updates.length;
  }

  get string(): string {
    return this.text.sliceString(0, undefined, "\n");
  }

  /** Tells every update to `listener`; the answer stops it. */
  listen(listener: (news: EditorUpdates) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  push(version: number, updates: EditorUpdate[]): EditorPushed {
    if (version !== this.version) return { accepted: false, version: this.version };
    this.append(updates);
    return { accepted: true, version: this.version };
  }

  pull(version: number): EditorUpdates {
    return { from: version, updates: this.updates.slice(version - this.#base) };
  }

  /** Puts in updates made on the log's end. */
  append(updates: EditorUpdate[]): void {
    const from = this.version;
    for (const update of updates) {
      this.text = ChangeSet.fromJSON(update.changes).apply(this.text);
      this.updates.push(update);
    }
    for (const listener of this.#listeners) listener({ from, updates });
  }
}
