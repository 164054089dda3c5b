// @vitest-environment jsdom
import { forceParsing } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { describe, expect, it } from "vitest";
import { pageLines } from "./collab";
import { markdownText } from "./markdown";
import { livePreview, tickAt } from "./preview";

// An editor measures itself, and here there is nothing to measure.
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;

function shown(doc: string): EditorView {
  const view = new EditorView({ parent: document.body, state: EditorState.create({ doc, extensions: [pageLines, markdownText(), livePreview] }) });
  forceParsing(view, doc.length, 1000);
  return view;
}
const lines = (view: EditorView): string[] => [...view.contentDOM.querySelectorAll(".cm-line")].map((l) => l.textContent ?? "");

describe("live preview", () => {
  it("hides markup where nobody writes", () => {
    expect(lines(shown("# Title\nsome **bold**, *lean*, `code`, ~~gone~~ and [a link](where.md)"))).toEqual(["Title", "some bold, lean, code, gone and a link"]);
  });

  it("leaves fences, references and plain brackets as they are", () => {
    const text = "```js\n# x\n```\n[not a link] and [ref][1]\n\n[1]: where.md";
    expect(lines(shown(text))).toEqual(text.split("\n"));
  });

  it("makes boxes of tasks, and a tick is one character of text", () => {
    const view = shown("- [ ] first\n- [x] second");
    const boxes = [...view.contentDOM.querySelectorAll<HTMLInputElement>(".cm-tick")];
    expect(boxes.map((b) => b.checked)).toEqual([false, true]);
    expect(tickAt(view, 2)).toBe(true);
    expect(view.state.sliceDoc()).toBe("- [x] first\n- [x] second");
    expect(tickAt(view, 0)).toBe(false);
  });

  it("puts an item in another one a step further in, however many spaces were written", () => {
    const view = shown("- one\n  - two\n    - three\n\n1. one\n    - two\n\n> - quoted");
    const depths = [...view.contentDOM.querySelectorAll<HTMLElement>(".cm-item")].map((l) => l.style.getPropertyValue("--depth"));
    expect(depths).toEqual(["0", "1", "2", "0", "1"]);
    expect([...view.contentDOM.querySelectorAll(".cm-indent")].map((s) => s.textContent?.length)).toEqual([2, 4, 4]);
  });

  it("strikes through the words of what is done, and nothing before them", () => {
    const view = shown("- [x] **Ask** first\n- [ ] then look\n- [x] ");
    expect([...view.contentDOM.querySelectorAll(".cm-done")].map((s) => s.textContent).join("")).toBe("Ask first");
  });

  it("puts signs in the place of marks: bullets, rules, callouts, pictures", () => {
    const view = shown("- one\n- two\n\n---\n\n> [!warning] Hot\n> for a while\n\n![The drawer](a/drawer.jpg) ![](a/b.png) \\*no star\\*");
    expect(lines(view)).toEqual(["• one", "• two", "", "", "", "Careful Hot", "for a while", "", "The drawer b.png *no star*"]);
    expect(view.contentDOM.querySelector("img[src]")).toBeNull();
    expect(view.contentDOM.querySelectorAll(".cm-calloutLine")).toHaveLength(2);
  });

  it("brings the marks back around the caret, and only there", () => {
    const view = shown("> quoted **strong**\n\n- [[Zips]] and `code`");
    view.focus();
    view.dispatch({ selection: { anchor: 12 } });
    expect(lines(view)).toEqual(["> quoted **strong**", "", "• Zips and code"]);
    view.dispatch({ selection: { anchor: 27 } });
    expect(lines(view)).toEqual(["quoted strong", "", "• [[Zips]] and code"]);
  });

  it("lets every line run in the direction of its words", () => {
    const view = shown("left\nשלום");
    expect([...view.contentDOM.querySelectorAll(".cm-line")].map((l) => l.getAttribute("dir"))).toEqual(["auto", "auto"]);
  });
});
