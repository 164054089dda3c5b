// @vitest-environment jsdom
import { EditorState, Text } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { describe, expect, it, vi } from "vitest";
import { pageLines } from "./collab";
import { markdownText } from "./markdown";
import { isTitled, startOfText, titleIn } from "./owntitle";
import { livePreview } from "./preview";

// An editor measures itself, and here there is nothing to measure.
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;

const of = (text: string): Text => Text.of(text.split("\n"));
const hides = (text: string, title: string): string | null => {
  const said = titleIn(of(text), title);
  return said === null ? null : text.slice(said.from, said.to);
};

function shown(doc: string, title: string): EditorView {
  const view = new EditorView({ parent: document.body, state: EditorState.create({ doc, extensions: [pageLines, markdownText(), livePreview] }) });
  isTitled(view, title);
  return view;
}
const lines = (view: EditorView): string[] => [...view.contentDOM.querySelectorAll(".cm-line")].map((l) => l.textContent ?? "");

describe("the title that a text begins with", () => {
  it("is found in whatever way it is written, with the empty lines around it", () => {
    expect(hides("# Kettles\n\nUnplug it.", "Kettles")).toBe("# Kettles\n");
    expect(hides("\n\n## *Kettles* ##\n\n\nUnplug it.", " Kettles")).toBe("\n\n## *Kettles* ##\n\n");
    expect(hides("Kettles\n===\nUnplug it.", "Kettles")).toBe("Kettles\n===");
  });

  it("is no other heading, no word of the text, and not all that there is", () => {
    for (const text of ["# Kettles, electric\n\nx", "Kettles\n\nx", "#Kettles\nx", "Unplug it.\n# Kettles\nx", "# kettles\nx", "# Kettles", ""]) expect(hides(text, "Kettles")).toBeNull();
    expect(hides("# \nx", "")).toBeNull();
    // A line to write in is left.
    expect(hides("# Kettles\n", "Kettles")).toBe("# Kettles");
    expect(startOfText(of("# Kettles\n\nUnplug it."), "Kettles")).toBe(11);
    expect(startOfText(of("Unplug it."), "Kettles")).toBe(0);
  });

  it("is shown once, and the text keeps it", () => {
    const text = "# Kettles\n\nUnplug it first.";
    const view = shown(text, "Kettles");
    expect(lines(view)).toEqual(["Unplug it first."]);
    expect(view.state.sliceDoc()).toBe(text);
    isTitled(view, "Water kettles");
    expect(lines(view)).toEqual(["Kettles", "", "Unplug it first."]);
    isTitled(view, "Kettles");
    view.dispatch({ changes: { from: 9, insert: ", electric" } });
    expect(lines(view)).toEqual(["Kettles, electric", "", "Unplug it first."]);
  });

  it("comes when a caret goes to it, and goes with that", async () => {
    const view = shown("# Kettles\n\nUnplug it first.", "Kettles");
    view.focus();
    view.dispatch({ selection: { anchor: 11 } });
    expect(lines(view)).toEqual(["Unplug it first."]);
    view.dispatch({ selection: { anchor: 0 } });
    // The editor hears of its focus a moment later.
    await vi.waitFor(() => expect(lines(view)).toEqual(["# Kettles", "", "Unplug it first."]));
    view.dispatch({ selection: { anchor: 15 } });
    expect(lines(view)).toEqual(["Unplug it first."]);
  });

  it("is not joined to what follows unseen", async () => {
    const view = shown("# Kettles\n\nUnplug it first.", "Kettles");
    view.focus();
    view.dispatch({ selection: { anchor: 11 } });
    view.contentDOM.dispatchEvent(new KeyboardEvent("keydown", { key: "Backspace", keyCode: 8, bubbles: true, cancelable: true }));
    await vi.waitFor(() => expect(lines(view)).toEqual(["Kettles", "", "Unplug it first."]));
    expect(view.state.selection.main.head).toBe(10);
    view.dispatch({ selection: { anchor: 11 } });
    view.contentDOM.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", keyCode: 38, bubbles: true, cancelable: true }));
    expect(view.state.selection.main.head).toBe(9);
  });
});
