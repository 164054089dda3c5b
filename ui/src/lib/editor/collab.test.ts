import { collab, getSyncedVersion } from "@codemirror/collab";
import { history, undo } from "@codemirror/commands";
import { ChangeSet, EditorSelection, EditorState, type Transaction, type TransactionSpec } from "@codemirror/state";
import { describe, expect, it } from "vitest";
import { Log } from "../../testing/authority";
import type { EditorPushed, EditorUpdate, EditorUpdates } from "../api/generated";
import { pageLines, SyncedText, type Authority } from "./collab";

/** A small generator of numbers that a seed decides. */
function dice(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** An editor without a window. */
class Bare {
  state: EditorState;
  readonly text: SyncedText;

  constructor(log: Log, id: string, authority: Authority, later: (retry: () => void) => void = () => undefined) {
    this.state = EditorState.create({
      doc: log.string,
      extensions: [pageLines, collab({ startVersion: log.version, clientID: id }), history()],
    });
    this.text = new SyncedText(this, { authority, later });
  }

  dispatch = (transaction: Transaction): void => {
    this.state = transaction.state;
  };

  edit(spec: TransactionSpec): void {
    this.dispatch(this.state.update(spec));
    this.text.changed();
  }

  get string(): string {
    return this.state.sliceDoc();
  }
}

const direct = (log: Log): Authority => ({
  push: (version, updates) => Promise.resolve(log.push(version, updates)),
  pull: (version) => Promise.resolve(log.pull(version)),
});

/** What is under way between window and engine: calls, answers and events, delivered in any order a seed decides. */
class Wire {
  readonly under: (() => void)[] = [];
  authority(log: Log): Authority {
    return {
      push: (version, updates) => this.#carry(() => log.push(version, updates)),
      pull: (version) => this.#carry(() => log.pull(version)),
    };
  }
  #carry<T>(act: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.under.push(() => {
        const answer = act();
        this.under.push(() => resolve(answer));
      });
    });
  }
  async deliver(which: number): Promise<void> {
    this.under.splice(which, 1)[0]?.();
    // Let everything that waits for a delivered answer go on.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const insert = (from: number, text: string) => ({ changes: { from, insert: text } });
const remote = (length: number, from: number, text: string): EditorUpdate => ({
  clientId: "far",
  changes: ChangeSet.of({ from, insert: text }, length, "\n").toJSON() as EditorUpdate["changes"],
});

describe("a window and the engine", () => {
  it("converge under random edits of two windows and a remote, with every order of delivery", async () => {
    for (let seed = 1; seed <= 150; seed++) {
      const roll = dice(seed);
      const log = new Log("one\ntwo\rthree 🌲\n", roll(50));
      const wire = new Wire();
      const windows = ["a", "b"].map((id) => new Bare(log, id, wire.authority(log), (retry) => wire.under.push(retry)));
      for (const window of windows) log.listen((news) => {
        // Now and then an event is lost; the next one, or a refused push, brings it to light.
        if (roll(8) > 0) wire.under.push(() => window.text.receive(news));
      });
      for (let step = 0; step < 60; step++) {
        const what = roll(10);
        const window = windows[roll(2)]!;
        const length = window.state.doc.length;
        if (what < 4) window.edit(insert(roll(length + 1), ["x", "yy\n", "\r", "é🌊"][roll(4)]!));
        else if (what < 5 && length > 2) {
          const from = roll(length - 1);
          window.edit({ changes: { from, to: Math.min(length, from + 1 + roll(3)) } });
        } else if (what < 6) log.append([remote(log.text.length, roll(log.text.length + 1), "far ")]);
        else if (wire.under.length > 0) await wire.deliver(roll(wire.under.length));
      }
      // Once all is delivered and both have sent what they had, the last word of the engine always arrives.
      while (wire.under.length > 0) await wire.deliver(roll(wire.under.length));
      log.append([remote(log.text.length, 0, "end ")]);
      for (const window of windows) {
        wire.under.push(() => window.text.receive({ from: log.version - 1, updates: log.updates.slice(-1) }));
      }
      while (wire.under.length > 0) await wire.deliver(roll(wire.under.length));
      for (const window of windows) {
        expect({ v: getSyncedVersion(window.state), s: window.text.settled }, `seed ${seed}`).toEqual({ v: log.version, s: true });
        expect(window.string, `seed ${seed}`).toBe(log.string);
        expect(window.text.settled, `seed ${seed}`).toBe(true);
        expect(getSyncedVersion(window.state), `seed ${seed}`).toBe(log.version);
      }
    }
  });

  it("push again over what came in between when a push is refused", async () => {
    const log = new Log("hello");
    const window = new Bare(log, "a", direct(log));
    log.append([remote(5, 0, "oh, ")]);
    window.edit(insert(5, "!"));
    await window.text.flush();
    expect(log.string).toBe("oh, hello!");
    expect(window.string).toBe("oh, hello!");
  });

  it("drop what they have already and take the rest", async () => {
    const log = new Log("");
    const window = new Bare(log, "a", direct(log));
    log.append([remote(0, 0, "a"), remote(1, 1, "b")]);
    window.text.receive(log.pull(0));
    log.append([remote(2, 2, "c")]);
    window.text.receive(log.pull(0));
    window.text.receive(log.pull(1));
    expect(window.string).toBe("abc");
    expect(getSyncedVersion(window.state)).toBe(3);
  });

  it("fetch what is missing when an event begins later than their version", async () => {
    const log = new Log("");
    const window = new Bare(log, "a", direct(log));
    log.append([remote(0, 0, "a")]);
    log.append([remote(1, 1, "b")]);
    window.text.receive({ from: 1, updates: log.updates.slice(1) });
    expect(window.string).toBe("");
    await window.text.flush();
    expect(window.string).toBe("ab");
  });

  it("take their own updates once, whether the event or the answer is first", async () => {
    for (const eventFirst of [true, false]) {
      const log = new Log("");
      let answer: (() => void) | undefined;
      const window = new Bare(log, "a", {
        pull: (version) => Promise.resolve(log.pull(version)),
        push: (version, updates) =>
          new Promise<EditorPushed>((resolve) => {
            const reply = log.push(version, updates);
            answer = () => resolve(reply);
          }),
      });
      window.edit(insert(0, "typed"));
      const news: EditorUpdates = log.pull(0);
      if (eventFirst) window.text.receive(news);
      answer?.();
      await window.text.flush();
      if (!eventFirst) window.text.receive(news);
      expect(window.string).toBe("typed");
      expect(log.updates).toHaveLength(1);
      expect(window.text.settled).toBe(true);
    }
  });

  it("keep one push under way and send the rest together after it", async () => {
    const log = new Log("");
    const sizes: number[] = [];
    const window = new Bare(log, "a", {
      ...direct(log),
      push: (version, updates) => {
        sizes.push(updates.length);
        return Promise.resolve(log.push(version, updates));
      },
    });
    for (const letter of "abcd") window.edit(insert(window.state.doc.length, letter));
    await window.text.flush();
    expect(sizes).toEqual([1, 3]);
    expect(log.string).toBe("abcd");
  });

  it("keep what was typed while the engine refuses, and say when it is well again", async () => {
    const log = new Log("");
    let full = true;
    let retry: (() => void) | undefined;
    const window = new Bare(
      log,
      "a",
      {
        ...direct(log),
        push: (version, updates) => (full ? Promise.reject(new Error("full")) : Promise.resolve(log.push(version, updates))),
      },
      (again) => (retry = again),
    );
    window.edit(insert(0, "kept"));
    await window.text.flush();
    expect(window.text.settled).toBe(false);
    expect(window.string).toBe("kept");
    full = false;
    retry?.();
    await window.text.flush();
    expect(log.string).toBe("kept");
  });

  it("leave the caret with its words, and undo only what was done here", async () => {
    const log = new Log("a line");
    const window = new Bare(log, "a", direct(log));
    log.listen((news) => window.text.receive(news));
    window.edit({ changes: { from: 6, insert: " mine" }, selection: EditorSelection.cursor(11) });
    await window.text.flush();
    log.append([remote(log.text.length, 0, "theirs, ")]);
    expect(window.string).toBe("theirs, a line mine");
    expect(window.state.selection.main.head).toBe(19);
    undo({ state: window.state, dispatch: window.dispatch });
    window.text.changed();
    await window.text.flush();
    expect(log.string).toBe("theirs, a line");
  });

  it("leave every byte of a page with carriage returns alone", async () => {
    const log = new Log("a\r\nb\rc\n");
    const window = new Bare(log, "a", direct(log));
    expect(window.state.doc.lines).toBe(3);
    expect(window.string).toBe("a\r\nb\rc\n");
    window.edit(insert(3, "x"));
    await window.text.flush();
    expect(log.string).toBe("a\r\nxb\rc\n");
  });
});
