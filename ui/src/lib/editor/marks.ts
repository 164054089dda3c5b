/** What the preview finds in a stretch of text: markup to hide, signs to put in its place, and lines of a kind. */
import { type EditorState, type Range, RangeSetBuilder } from "@codemirror/state";
import { Decoration, type DecorationSet } from "@codemirror/view";
import type { SyntaxNode, SyntaxNodeRef } from "@lezer/common";
import { t } from "../strings";
import { aimOf } from "./links";
import { PicturePlace, Sign, Tick } from "./widgets";

const hidden = Decoration.replace({});
const direction = Decoration.line({ attributes: { dir: "auto" } });
const number = Decoration.mark({ class: "cm-bullet" });
const bullet = Decoration.replace({ widget: new Sign("•", "cm-bullet") });
const link = Decoration.mark({ class: "cm-link" });
const openLink = Decoration.mark({ class: "cm-link cm-follow" });

const lineClass = (name: string): Decoration => Decoration.line({ class: name });
const lines: Record<string, Decoration> = {
  ATXHeading1: lineClass("cm-h1"),
  SetextHeading1: lineClass("cm-h1"),
  ATXHeading2: lineClass("cm-h2"),
  SetextHeading2: lineClass("cm-h2"),
  ATXHeading3: lineClass("cm-h3"),
  ATXHeading4: lineClass("cm-h3"),
  ATXHeading5: lineClass("cm-h3"),
  ATXHeading6: lineClass("cm-h3"),
  FencedCode: lineClass("cm-codeLine"),
  CodeBlock: lineClass("cm-codeLine"),
  Table: lineClass("cm-tableLine"),
};
const plainQuote = lineClass("cm-quoteLine");
const callout = lineClass("cm-calloutLine");
const calloutFirst = lineClass("cm-calloutFirst");
const calloutLast = lineClass("cm-calloutLast");
const rule = lineClass("cm-ruleLine");
const done = Decoration.mark({ class: "cm-done" });
const indent = Decoration.mark({ class: "cm-indent" });

/** How a quotation says that it is a callout, and of which kind. */
const CALLOUT = /^\s*>\s*\[!(\w+)\][+-]?\s*/;

/** Markup that goes when the caret is elsewhere, and how far around it the caret brings it back. */
const quiet: Record<string, "parent" | "line"> = {
  HeaderMark: "line",
  QuoteMark: "line",
  EmphasisMark: "parent",
  StrikethroughMark: "parent",
  CodeMark: "parent",
  LinkMark: "parent",
  PageLinkMark: "parent",
  PageLinkName: "parent",
  URL: "parent",
  LinkTitle: "parent",
};

/** Nodes whose markup stays: fences of code, references and their definitions. */
const loud = new Set(["FencedCode", "LinkReference"]);

export class Found {
  readonly #marks: Range<Decoration>[] = [];
  readonly #lines = new Map<number, Decoration[]>();

  constructor(
    private readonly state: EditorState,
    /** Whether somebody writes here: without the focus, there is no caret to show markup around. */
    private readonly focused: boolean,
  ) {}

  /** What a node asks for; whether what is inside it is to be looked at too. */
  node(node: SyntaxNodeRef, visible: { from: number; to: number }): boolean {
    const whole = lines[node.name];
    if (whole !== undefined) this.#eachLine(node, visible, whole);
    switch (node.name) {
      case "ListItem":
        this.#hang(node);
        break;
      case "TaskMarker":
        this.#task(node);
        break;
      case "ListMark":
        this.#listMark(node);
        break;
      case "Blockquote":
        this.#quote(node, visible);
        break;
      case "HorizontalRule":
        this.#rule(node);
        break;
      case "Escape":
        if (!this.#touched(node.from, node.to)) this.#marks.push(hidden.range(node.from, node.from + 1));
        break;
      case "Image":
        return !this.#picture(node.node);
      default:
        this.#link(node.node);
        this.#hide(node);
    }
    return true;
  }

  /** Every line runs as its own words do. */
  directions(visible: { from: number; to: number }): void {
    for (let at = visible.from; at <= visible.to; ) {
      const line = this.state.doc.lineAt(at);
      this.#line(line.from, direction);
      at = line.to + 1;
    }
  }

  set(): DecorationSet {
    const builder = new RangeSetBuilder<Decoration>();
    const all = [...this.#marks];
    for (const [from, decorations] of this.#lines) for (const d of decorations) all.push(d.range(from));
    all.sort((a, b) => a.from - b.from || a.value.startSide - b.value.startSide);
    for (const range of all) builder.add(range.from, range.to, range.value);
    return builder.finish();
  }

  /** Whether a caret or selection touches the range. */
  #touched(from: number, to: number): boolean {
    return this.focused && this.state.selection.ranges.some((r) => r.from <= to && r.to >= from);
  }

  #line(at: number, decoration: Decoration): void {
    const from = this.state.doc.lineAt(at).from;
    const there = this.#lines.get(from);
    if (there === undefined) this.#lines.set(from, [decoration]);
    else if (!there.includes(decoration)) there.push(decoration);
  }

  #eachLine(node: { from: number; to: number }, visible: { from: number; to: number }, decoration: Decoration): void {
    const { doc } = this.state;
    const end = Math.min(node.to, visible.to);
    let line = doc.lineAt(Math.max(node.from, visible.from));
    for (;;) {
      this.#line(line.from, decoration);
      if (line.to >= end || line.number === doc.lines) return;
      line = doc.line(line.number + 1);
    }
  }

  /** Later rows of a list item begin below its first word, and an item in another one stands one step further in. */
  #hang(node: SyntaxNodeRef): void {
    const line = this.state.doc.lineAt(node.from);
    const lead = /^(\s*)(?:[-*+]|\d{1,9}[.)])\s+(\[[ xX]\]\s+)?/.exec(line.text);
    if (lead === null) return;
    let depth = 0;
    for (let around = node.node.parent; around !== null; around = around.parent) if (around.name === "ListItem") depth++;
    this.#line(line.from, Decoration.line({ class: "cm-item", attributes: { style: `--depth:${Math.min(8, depth)}` } }));
    // However many spaces were written: how far in it stands is the list's to say.
    const start = line.from + (lead[1] ?? "").length;
    if (start > line.from) this.#marks.push(indent.range(line.from, start));
    const words = line.from + lead[0].length;
    if (/\[[xX]\]/.test(lead[2] ?? "") && words < line.to) this.#marks.push(done.range(words, line.to));
  }

  #task(node: SyntaxNodeRef): void {
    if (this.#touched(node.from, node.to)) return;
    const ticked = this.state.sliceDoc(node.from + 1, node.from + 2).toLowerCase() === "x";
    const label = this.state.sliceDoc(node.to, this.state.doc.lineAt(node.to).to).trim().slice(0, 80);
    this.#marks.push(Decoration.replace({ widget: new Tick(ticked, label) }).range(node.from, node.to));
  }

  #listMark(node: SyntaxNodeRef): void {
    const task = /^\s\[[ xX]\]\s/.test(this.state.sliceDoc(node.to, node.to + 5));
    if (task && !this.#touched(node.from, node.to + 4)) this.#marks.push(hidden.range(node.from, node.to + 1));
    else if (node.to - node.from === 1 && !this.#touched(node.from, node.to)) this.#marks.push(bullet.range(node.from, node.to));
    else this.#marks.push(number.range(node.from, node.to));
  }

  #quote(node: SyntaxNodeRef, visible: { from: number; to: number }): void {
    const first = this.state.doc.lineAt(node.from);
    const said = CALLOUT.exec(this.state.sliceDoc(node.from, first.to));
    if (said === null) return this.#eachLine(node, visible, plainQuote);
    this.#eachLine(node, visible, callout);
    this.#line(first.from, calloutFirst);
    this.#line(this.state.doc.lineAt(node.to).from, calloutLast);
    if (this.#touched(first.from, first.to)) return;
    const kind = said[1]?.toLowerCase() ?? "";
    const mark = node.from + said[0].indexOf("[");
    this.#marks.push(Decoration.replace({ widget: new Sign(t.callouts[kind] ?? said[1] ?? "", "cm-calloutKind") }).range(mark, node.from + said[0].trimEnd().length));
  }

  #rule(node: SyntaxNodeRef): void {
    if (this.#touched(node.from, node.to)) return;
    this.#line(node.from, rule);
    this.#marks.push(hidden.range(node.from, node.to));
  }

  /** Whether a picture's place was put in. */
  #picture(node: SyntaxNode): boolean {
    const url = node.getChild("URL");
    const [, end] = node.getChildren("LinkMark");
    if (url === null || end === undefined || this.#touched(node.from, node.to)) return false;
    // It takes the place of one line at most.
    if (this.state.doc.lineAt(node.from).to < node.to) return false;
    const widget = new PicturePlace(this.state.sliceDoc(node.from + 2, end.from), this.state.sliceDoc(url.from, url.to));
    this.#marks.push(Decoration.replace({ widget }).range(node.from, node.to));
    return true;
  }

  #link(node: SyntaxNode): void {
    if (aimOf(node, (from, to) => this.state.sliceDoc(from, to)) === null) return;
    this.#marks.push((this.#touched(node.from, node.to) ? link : openLink).range(node.from, node.to));
  }

  #hide(node: SyntaxNodeRef): void {
    const around = quiet[node.name];
    const parent = node.node.parent;
    if (around === undefined || parent === null || loud.has(parent.name)) return;
    // An address that stands for itself, and brackets that lead nowhere, are words.
    if (node.name === "URL" && parent.name !== "Link" && parent.name !== "Image") return;
    if (node.name === "LinkMark" && parent.getChild("URL") === null) return;
    const line = this.state.doc.lineAt(node.from);
    const [from, to] = around === "line" ? [line.from, line.to] : [parent.from, parent.to];
    if (this.#touched(from, to)) return;
    let end = node.to;
    if (node.name === "HeaderMark" && !parent.name.startsWith("ATX")) return;
    if (node.name === "QuoteMark" || (node.name === "HeaderMark" && node.from === parent.from)) {
      while (end < line.to && this.state.sliceDoc(end, end + 1) === " ") end++;
    }
    if (end > node.from && end <= line.to) this.#marks.push(hidden.range(node.from, end));
  }
}
