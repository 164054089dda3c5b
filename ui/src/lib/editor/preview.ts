/**
 * Live preview, the light kind: markup is hidden except around the caret, tasks can be ticked, and lines get the measures of
 * what they are. Only what is in view is looked at, so a large page costs no more than a small one.
 */
import { syntaxTree } from "@codemirror/language";
import { type EditorState, type Extension, type Range, RangeSetBuilder } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType } from "@codemirror/view";
import type { SyntaxNodeRef } from "@lezer/common";

class Tick extends WidgetType {
  constructor(
    private readonly done: boolean,
    private readonly label: string,
  ) {
    super();
  }

  override eq(other: Tick): boolean {
    return other.done === this.done && other.label === this.label;
  }

  override toDOM(): HTMLElement {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.className = "cm-tick";
    box.checked = this.done;
    box.tabIndex = -1;
    box.setAttribute("aria-label", this.label);
    return box;
  }

  override ignoreEvent(): boolean {
    return false;
  }
}

const hidden = Decoration.replace({});
const direction = Decoration.line({ attributes: { dir: "auto" } });
const bullet = Decoration.mark({ class: "cm-bullet" });

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
  Blockquote: lineClass("cm-quoteLine"),
  TableHeader: lineClass("cm-tableLine cm-tableHead"),
  TableRow: lineClass("cm-tableLine"),
  HorizontalRule: lineClass("cm-ruleLine"),
};

/** Markup that goes when the caret is elsewhere, and how far around it the caret brings it back. */
const quiet: Record<string, "parent" | "line"> = {
  HeaderMark: "line",
  EmphasisMark: "parent",
  StrikethroughMark: "parent",
  CodeMark: "parent",
  LinkMark: "parent",
  URL: "parent",
  LinkTitle: "parent",
};

class Found {
  readonly marks: Range<Decoration>[] = [];
  readonly #lines = new Map<number, Decoration[]>();

  constructor(
    private readonly state: EditorState,
    /** Whether somebody writes here: without the focus, there is no caret to show markup around. */
    private readonly focused: boolean,
  ) {}

  line(at: number, decoration: Decoration): void {
    const from = this.state.doc.lineAt(at).from;
    const there = this.#lines.get(from);
    if (there === undefined) this.#lines.set(from, [decoration]);
    else if (!there.includes(decoration)) there.push(decoration);
  }

  node(node: SyntaxNodeRef, visible: { from: number; to: number }): void {
    const whole = lines[node.name];
    if (whole !== undefined) this.#eachLine(node, visible, whole);
    if (node.name === "ListItem") this.#hang(node);
    else if (node.name === "TaskMarker") this.#task(node);
    else if (node.name === "ListMark") this.#listMark(node);
    else this.#hide(node);
  }

  /** Every line runs as its own words do. */
  directions(visible: { from: number; to: number }): void {
    for (let at = visible.from; at <= visible.to; ) {
      const line = this.state.doc.lineAt(at);
      this.line(line.from, direction);
      at = line.to + 1;
    }
  }

  set(): DecorationSet {
    const builder = new RangeSetBuilder<Decoration>();
    const all = [...this.marks];
    for (const [from, decorations] of this.#lines) for (const d of decorations) all.push(d.range(from));
    all.sort((a, b) => a.from - b.from || a.value.startSide - b.value.startSide);
    for (const range of all) builder.add(range.from, range.to, range.value);
    return builder.finish();
  }

  /** Whether a caret or selection touches the range. */
  #touched(from: number, to: number): boolean {
    return this.focused && this.state.selection.ranges.some((r) => r.from <= to && r.to >= from);
  }

  #eachLine(node: SyntaxNodeRef, visible: { from: number; to: number }, decoration: Decoration): void {
    const { doc } = this.state;
    const end = Math.min(node.to, visible.to);
    let line = doc.lineAt(Math.max(node.from, visible.from));
    for (;;) {
      this.line(line.from, decoration);
      if (line.to >= end || line.number === doc.lines) return;
      line = doc.line(line.number + 1);
    }
  }

  /** Later rows of a list item begin below its first word. */
  #hang(node: SyntaxNodeRef): void {
    const line = this.state.doc.lineAt(node.from);
    const lead = /^\s*(?:[-*+]|\d{1,9}[.)])\s+(\[[ xX]\]\s)?/.exec(line.text);
    if (lead === null) return;
    const depth = Math.min(8, Math.floor((/^\s*/.exec(line.text)?.[0].length ?? 0) / 2));
    this.line(line.from, Decoration.line({ class: "cm-item", attributes: { style: `--depth:${depth}` } }));
    if (/\[[xX]\]/.test(lead[1] ?? "")) this.line(line.from, lineClass("cm-done"));
  }

  #task(node: SyntaxNodeRef): void {
    if (this.#touched(node.from, node.to)) return;
    const done = this.state.sliceDoc(node.from + 1, node.from + 2).toLowerCase() === "x";
    const label = this.state.sliceDoc(node.to, this.state.doc.lineAt(node.to).to).trim().slice(0, 80);
    this.marks.push(Decoration.replace({ widget: new Tick(done, label) }).range(node.from, node.to));
  }

  #listMark(node: SyntaxNodeRef): void {
    const task = /^\s\[[ xX]\]\s/.test(this.state.sliceDoc(node.to, node.to + 5));
    if (task && !this.#touched(node.from, node.to + 4)) this.marks.push(hidden.range(node.from, node.to + 1));
    else this.marks.push(bullet.range(node.from, node.to));
  }

  #hide(node: SyntaxNodeRef): void {
    const around = quiet[node.name];
    const parent = node.node.parent;
    if (around === undefined || parent === null) return;
    // Fences of code and bare addresses stay, and so does a reference's definition.
    if (parent.name === "FencedCode" || parent.name === "LinkReference" || parent.name === "Autolink") return;
    if (node.name === "URL" && parent.name !== "Link" && parent.name !== "Image") return;
    if ((node.name === "LinkMark" || node.name === "URL") && parent.name === "Link" && parent.getChild("URL") === null) return;
    if (parent.name === "Image") return;
    const line = this.state.doc.lineAt(node.from);
    const [from, to] = around === "line" ? [line.from, line.to] : [parent.from, parent.to];
    if (this.#touched(from, to)) return;
    let end = node.to;
    if (node.name === "HeaderMark") {
      if (!parent.name.startsWith("ATX")) return;
      while (end < line.to && this.state.sliceDoc(end, end + 1) === " " && node.from === parent.from) end++;
    }
    if (end > node.from && end <= line.to) this.marks.push(hidden.range(node.from, end));
  }
}

function decorate(view: EditorView): DecorationSet {
  const found = new Found(view.state, view.hasFocus);
  for (const visible of view.visibleRanges) {
    found.directions(visible);
    syntaxTree(view.state).iterate({ ...visible, enter: (node) => found.node(node, visible) });
  }
  return found.set();
}

const preview = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;

    constructor(view: EditorView) {
      this.decorations = decorate(view);
    }

    update(update: ViewUpdate): void {
      const parsed = syntaxTree(update.startState) !== syntaxTree(update.state);
      // While something is being composed, the words under it must stay as they are.
      if (update.view.composing && update.docChanged) this.decorations = this.decorations.map(update.changes);
      else if (update.docChanged || update.selectionSet || update.viewportChanged || update.focusChanged || parsed) {
        this.decorations = decorate(update.view);
      }
    }
  },
  {
    decorations: (plugin) => plugin.decorations,
    eventHandlers: {
      mousedown(event, view) {
        const box = event.target;
        if (!(box instanceof HTMLInputElement) || !box.classList.contains("cm-tick")) return false;
        event.preventDefault();
        return tickAt(view, view.posAtDOM(box));
      },
      click(event) {
        // The box shows what the text says, and changes when the text does.
        const box = event.target;
        if (!(box instanceof HTMLInputElement) || !box.classList.contains("cm-tick")) return false;
        event.preventDefault();
        return true;
      },
    },
  },
);

/** Ticks the task whose box is at `position`, or takes the tick away. */
export function tickAt(view: EditorView, position: number): boolean {
  const mark = view.state.sliceDoc(position, position + 3);
  if (!/^\[[ xX]\]$/.test(mark)) return false;
  view.dispatch({
    changes: { from: position + 1, to: position + 2, insert: mark[1] === " " ? "x" : " " },
    userEvent: "input.tick",
  });
  return true;
}

/** Live preview. */
export const livePreview: Extension = preview;
