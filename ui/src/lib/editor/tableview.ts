/** A table of the page, drawn. What is drawn depends on its text alone, so the same text is read once. */
import { type EditorView, type Rect, WidgetType } from "@codemirror/view";
import type { SyntaxNode } from "@lezer/common";
import { GFM, parser as markdown } from "@lezer/markdown";
import { drawInline, type Drawn } from "./inline";
import { pageLinks } from "./pagelinks";

const parser = markdown.configure([GFM, pageLinks]);

/** The scripts that run from right to left; a table's columns run as its first letter does. */
const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

type Side = "start" | "center" | "end";

interface Cell {
  /** Where a caret meant for this cell goes. */
  at: number;
  node: SyntaxNode | null;
}

interface Table {
  sides: Side[];
  head: Cell[];
  body: Cell[][];
}

/** Tables that were read, the latest last. */
const read = new Map<string, Table | null>();
const KEPT = 60;

/** What a text that is a table says; nothing when it is none. */
export function readTable(text: string): Table | null {
  const known = read.get(text);
  if (known !== undefined) return known;
  const node = parser.parse(text).topNode.firstChild;
  const head = node?.name === "Table" ? node.getChild("TableHeader") : null;
  let table: Table | null = null;
  if (node != null && head !== null) {
    const ruler = node.getChild("TableDelimiter");
    const sides = ruler === null ? [] : sidesOf(text.slice(ruler.from, ruler.to));
    table = { sides, head: cellsOf(head), body: node.getChildren("TableRow").map(cellsOf) };
  }
  read.set(text, table);
  const [oldest] = read.keys();
  if (read.size > KEPT && oldest !== undefined) read.delete(oldest);
  return table;
}

function sidesOf(ruler: string): Side[] {
  return ruler
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => (/^\s*:-*:\s*$/.test(cell) ? "center" : /-:\s*$/.test(cell) ? "end" : "start"));
}

/** The cells of a row. The tree has none for those that are empty: the bars tell of them. */
function cellsOf(row: SyntaxNode): Cell[] {
  const cells: Cell[] = [];
  let last: SyntaxNode | null = null;
  for (let child = row.firstChild; child !== null; child = child.nextSibling) {
    if (child.name === "TableCell") cells.push({ at: child.from, node: child });
    else if (last?.name === "TableDelimiter") cells.push({ at: last.to, node: null });
    last = child;
  }
  return cells;
}

const drawnIn = new WeakMap<HTMLElement, readonly Drawn[]>();

export class TableView extends WidgetType {
  constructor(private readonly text: string) {
    super();
  }

  override eq(other: TableView): boolean {
    return other.text === this.text;
  }

  override get estimatedHeight(): number {
    // The rows of the source, without the one of dashes.
    return 34 * (this.text.split("\n").length - 1) + 20;
  }

  override toDOM(view: EditorView): HTMLElement {
    const whole = document.createElement("div");
    whole.className = "cm-table";
    const table = readTable(this.text);
    if (table === null) return whole;
    const drawn: Drawn[] = [];
    const element = whole.appendChild(document.createElement("table"));
    // The whole takes the direction too: a wide table is first seen from its beginning.
    element.dir = whole.dir = RIGHT_TO_LEFT.test(/\p{L}/u.exec(this.text)?.[0] ?? "") ? "rtl" : "ltr";
    const columns = table.head.length;
    const row = (cells: readonly Cell[], into: HTMLTableSectionElement, kind: "th" | "td"): void => {
      const line = into.appendChild(document.createElement("tr"));
      for (let column = 0; column < columns; column++) this.#cell(cells[column], table.sides[column], line.appendChild(document.createElement(kind)), drawn);
    };
    row(table.head, element.createTHead(), "th");
    const body = element.createTBody();
    for (const cells of table.body) row(cells, body, "td");
    drawnIn.set(whole, drawn);
    whole.addEventListener("mousedown", (event) => this.#write(event, view, whole));
    return whole;
  }

  /** Where others' carets in the source are to be shown. */
  override coordsAt(dom: HTMLElement, position: number): Rect | null {
    const spot = drawnIn.get(dom)?.findLast((d) => d.from <= position);
    if (spot === undefined) return null;
    const range = document.createRange();
    const at = Math.min(position - spot.from, spot.node.length);
    range.setStart(spot.node, at);
    range.setEnd(spot.node, at);
    return range.getClientRects()[0] ?? null;
  }

  override ignoreEvent(event: Event): boolean {
    // Links in it are followed as any others.
    return event.type !== "mousedown" && event.type !== "click";
  }

  #cell(cell: Cell | undefined, side: Side | undefined, into: HTMLTableCellElement, drawn: Drawn[]): void {
    if (into.tagName === "TH") into.scope = "col";
    // A column has one edge, whatever way the words of its cells run.
    if (side === "center") into.style.textAlign = "center";
    else if (side === "end") into.style.textAlign = into.closest("table")?.dir === "rtl" ? "left" : "right";
    if (cell === undefined) return;
    into.dataset["at"] = String(cell.at);
    if (cell.node !== null) drawInline(cell.node, this.text, into, drawn);
  }

  /** A click is meant for the source of what is under it. */
  #write(event: MouseEvent, view: EditorView, whole: HTMLElement): void {
    const target = event.target instanceof Element ? event.target : whole;
    if (event.button !== 0 || target.closest(".cm-link") !== null) return;
    event.preventDefault();
    const at = Number(target.closest<HTMLElement>("[data-at]")?.dataset["at"] ?? 0);
    view.focus();
    view.dispatch({ selection: { anchor: Math.min(view.posAtDOM(whole) + at, view.state.doc.length) }, userEvent: "select.pointer" });
  }
}
