// @vitest-environment jsdom
import { forceParsing } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { describe, expect, it } from "vitest";
import { pageAt } from "../names";
import { pageLines } from "./collab";
import { type Aim, aimAt, linksLead } from "./links";
import { markdownText } from "./markdown";
import { livePreview } from "./preview";

// An editor measures itself, and here there is nothing to measure.
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;

function shown(doc: string): { view: EditorView; followed: Aim[] } {
  const followed: Aim[] = [];
  const extensions = [pageLines, markdownText(), linksLead((aim) => followed.push(aim)), livePreview];
  const view = new EditorView({ parent: document.body, state: EditorState.create({ doc, extensions }) });
  forceParsing(view, doc.length, 1000);
  return { view, followed };
}
const line = (view: EditorView): string => view.contentDOM.querySelector(".cm-line")?.textContent ?? "";
const link = (view: EditorView): HTMLElement => view.contentDOM.querySelector<HTMLElement>(".cm-link")!;
const click = (element: HTMLElement, more: MouseEventInit = {}): void => {
  for (const type of ["mousedown", "mouseup", "click"]) element.dispatchEvent(new MouseEvent(type, { bubbles: true, cancelable: true, button: 0, ...more }));
};

describe("a link to a page", () => {
  it("is read with its name and the words shown for it", () => {
    const { view } = shown("see [[Guides/Kettles|the kettles]] and [[Zips]]");
    expect(line(view)).toBe("see the kettles and Zips");
    expect(aimAt(view.state, 20)).toEqual({ page: "Guides/Kettles" });
    expect(aimAt(view.state, 42)).toEqual({ page: "Zips" });
    expect(aimAt(view.state, 1)).toBeNull();
  });

  it("may have brackets in its name, and is none without an end or a name", () => {
    expect(aimAt(shown("[[Note [draft]]]").view.state, 4)).toEqual({ page: "Note [draft]" });
    for (const text of ["[[open", "[[ ]]", "`[[code]]`"]) expect(aimAt(shown(text).view.state, 3)).toBeNull();
  });

  it("is followed with a click, and with Ctrl where its markup shows", () => {
    const { view, followed } = shown("[[Zips]] end");
    click(link(view));
    expect(followed).toEqual([{ page: "Zips" }]);
    view.focus();
    view.dispatch({ selection: { anchor: 4 } });
    expect(line(view)).toBe("[[Zips]] end");
    click(link(view));
    expect(followed).toHaveLength(1);
    click(link(view), { ctrlKey: true });
    expect(followed).toHaveLength(2);
  });

  it("is followed from a table", () => {
    const { view, followed } = shown("| a |\n| --- |\n| [[Zips]] and [x](y.md) |");
    for (const each of view.contentDOM.querySelectorAll<HTMLElement>("td .cm-link")) click(each);
    expect(followed).toEqual([{ page: "Zips" }, { address: "y.md" }]);
  });
});

describe("an address", () => {
  it("is one with words, in angles, or as it stands", () => {
    expect(aimAt(shown("[a](https://a.example)").view.state, 1)).toEqual({ address: "https://a.example" });
    expect(aimAt(shown("<https://a.example>").view.state, 3)).toEqual({ address: "https://a.example" });
    expect(aimAt(shown("see https://a.example").view.state, 8)).toEqual({ address: "https://a.example" });
  });

  it("that is a file means a page, seen from the folder of the page it stands in", () => {
    expect(pageAt("../Parts/Coils%20spare.md#x", "Guides/Old")).toBe("Guides/Parts/Coils spare");
    expect(pageAt("Kettles.md", "")).toBe("Kettles");
    expect(pageAt("/Kettles", "Guides")).toBe("Kettles");
    for (const nowhere of ["javascript:alert(1)", "//host/x", "#place", "%", ""]) expect(pageAt(nowhere, "Guides")).toBe(nowhere === "" ? "Guides" : null);
  });
});
