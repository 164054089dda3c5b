// @vitest-environment jsdom
import { collab, receiveUpdates, sendableUpdates } from "@codemirror/collab";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { reportCaret } from "./carets";

type Told = { anchor: number; head: number } | null;

function editor(told: Told[]): EditorView {
  const extensions = [collab({ clientID: "here" }), reportCaret((caret) => told.push(caret))];
  const view = new EditorView({ parent: document.body, state: EditorState.create({ doc: "kettles", selection: { anchor: 5 }, extensions }) });
  Object.defineProperty(view, "hasFocus", { get: () => true });
  return view;
}

/** The log takes what was typed, and half a second goes by. */
function taken(view: EditorView): void {
  const updates = sendableUpdates(view.state).map(({ clientID, changes }) => ({ clientID, changes }));
  if (updates.length > 0) view.dispatch(receiveUpdates(view.state, updates));
  vi.advanceTimersByTime(500);
}

describe("one's own caret", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is told when it moves, and once", () => {
    const told: Told[] = [];
    const view = editor(told);
    taken(view);
    view.dispatch({ selection: { anchor: 2, head: 4 } });
    taken(view);
    view.dispatch({ selection: { anchor: 2, head: 4 } });
    taken(view);
    expect(told).toEqual([
      { anchor: 5, head: 5 },
      { anchor: 2, head: 4 },
    ]);
  });

  it("is told after an edit that leaves it where it was, for the engine may think otherwise", () => {
    const told: Told[] = [];
    const view = editor(told);
    taken(view);
    // What undoing does after the Delete key: text comes back behind the caret.
    view.dispatch({ changes: { from: 5, to: 6 } });
    view.dispatch({ changes: { from: 5, insert: "e" }, selection: { anchor: 5 } });
    vi.advanceTimersByTime(500);
    expect(told).toHaveLength(1);
    taken(view);
    expect(told).toEqual([
      { anchor: 5, head: 5 },
      { anchor: 5, head: 5 },
    ]);
  });
});
