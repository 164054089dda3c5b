// @vitest-environment jsdom
import { forceParsing } from "@codemirror/language";
import { EditorSelection, EditorState } from "@codemirror/state";
import { EditorView, runScopeHandlers } from "@codemirror/view";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { pageLines } from "./collab";
import { markdownText } from "./markdown";
import { livePreview } from "./preview";
import * as tableview from "./tableview";

// An editor measures itself, and here there is nothing to measure.
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;

const TABLE = "| What | Likely |\n| :-- | --: |\n| Pops **up** | `soot` |\n| | [x](javascript:alert(1)) <img src=x onerror=alert(1)> |";

const open: EditorView[] = [];

function shown(doc: string): EditorView {
  const view = new EditorView({ parent: document.body, state: EditorState.create({ doc, extensions: [pageLines, markdownText(), livePreview] }) });
  open.push(view);
  forceParsing(view, doc.length, 1000);
  return view;
}
const table = (view: EditorView): HTMLTableElement | null => view.contentDOM.querySelector("table");
const cells = (view: EditorView): string[][] => [...(table(view)?.rows ?? [])].map((r) => [...r.cells].map((c) => c.textContent ?? ""));
const later = (): unknown => vi.advanceTimersByTime(1000);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  open.splice(0).forEach((view) => view.destroy());
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a table", () => {
  it("is drawn where nobody writes, cell by cell, the empty ones too", () => {
    const view = shown(`before\n\n${TABLE}\n\nafter`);
    expect(cells(view)).toEqual([["What", "Likely"], ["Pops up", "soot"], ["", "x <img src=x onerror=alert(1)>"]]);
    expect([...table(view)!.rows[1]!.cells].map((c) => c.style.textAlign)).toEqual(["", "right"]);
  });

  it("runs as its first letter does", () => {
    expect(table(shown("| القطعة | العدد |\n| --- | --- |\n| one | 4 |"))?.dir).toBe("rtl");
    expect(table(shown("| 1 | a |\n| --- | --- |\n| זר | 4 |"))?.dir).toBe("ltr");
  });

  it("takes nothing from a page but words", () => {
    const view = shown(TABLE);
    expect(table(view)!.querySelectorAll("img, a, script")).toHaveLength(0);
  });

  it("shows its source as soon as the caret is in it, and is a table again when the caret has left", () => {
    const view = shown(`before\n\n${TABLE}\n\nafter`);
    view.focus();
    later();
    view.dispatch({ selection: { anchor: 10 } });
    expect(table(view)).toBeNull();
    view.dispatch({ selection: { anchor: 0 } });
    expect(table(view)).not.toBeNull();
  });

  it("takes a click to the source of its cell", async () => {
    const view = shown(`before\n\n${TABLE}`);
    const cell = table(view)!.rows[1]!.cells[1]!;
    cell.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, cancelable: true, button: 0 }));
    // The editor tells of the focus a moment after it has it.
    await Promise.resolve();
    expect(view.state.sliceDoc(view.state.selection.main.head)).toMatch(/^`soot`/);
    expect(table(view)).toBeNull();
  });

  it("is entered from above and from below with the arrow keys", () => {
    const view = shown(`before\n\n${TABLE}\n\nafter`);
    const [from, to] = [8, 8 + TABLE.length];
    // There is no layout here: the caret would come out on the other side.
    vi.spyOn(view, "moveVertically").mockImplementation((_range, down) => EditorSelection.cursor(down ? to + 1 : from - 1));
    const press = (key: string): boolean => runScopeHandlers(view, new KeyboardEvent("keydown", { key }), "editor");
    view.dispatch({ selection: { anchor: from - 1 } });
    press("ArrowDown");
    expect(view.state.selection.main.head).toBe(from);
    view.dispatch({ selection: { anchor: to + 1 } });
    press("ArrowUp");
    expect(view.state.sliceDoc(view.state.selection.main.head, to)).toBe(TABLE.split("\n").at(-1));
  });

  it("stays as it is while others write in it, and follows a moment later", () => {
    const view = shown(`${TABLE}\n\nafter`);
    const at = TABLE.indexOf("Pops");
    view.dispatch({ changes: { from: at, insert: "It " } });
    expect(cells(view)[1]).toEqual(["Pops up", "soot"]);
    later();
    expect(cells(view)[1]).toEqual(["It Pops up", "soot"]);
  });

  it("is never read while one types elsewhere", () => {
    const view = shown(`${TABLE}\n\nafter`);
    later();
    const before = table(view);
    const read = vi.spyOn(tableview.TableView.prototype, "toDOM");
    for (let i = 0; i < 50; i++) view.dispatch({ changes: { from: view.state.doc.length, insert: "x" }, userEvent: "input.type" });
    later();
    expect(read).not.toHaveBeenCalled();
    expect(table(view)).toBe(before);
  });

  it("is none any more when its lines are no table", () => {
    const view = shown(`${TABLE}\n\nafter`);
    view.dispatch({ changes: { from: TABLE.indexOf("| :--"), to: TABLE.indexOf("| Pops"), insert: "" } });
    later();
    expect(table(view)).toBeNull();
  });

  it("is read once for the same text", () => {
    expect(tableview.readTable(TABLE)).toBe(tableview.readTable(`${TABLE}`));
    expect(tableview.readTable("no table")).toBeNull();
  });
});
