/**
 * Tables, drawn while the caret is elsewhere.
 *
 * Which stretches of the text are tables is found out a moment after a change, never on the keystroke itself: in between,
 * those that are known move along with the text. A table that somebody else writes in stays drawn as it was until then, so that
 * nothing jumps; one that the caret enters shows its source at once.
 */
import { syntaxTree } from "@codemirror/language";
import { type EditorState, type Extension, Prec, type Range, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { readTable, TableView } from "./tableview";

/** How long after a change the tables are looked for, in milliseconds. */
const LATER_MS = 120;
/** A longer table is left as it is written. */
const LONGEST = 20_000;
/** What is looked at when the page opens: about what is parsed then. */
const AT_FIRST = 3_000;

interface Place {
  from: number;
  to: number;
  widget: Decoration;
}

interface Tables {
  /** All that are known, by their beginning. */
  places: readonly Place[];
  /** Those of them that are drawn. */
  drawn: DecorationSet;
  focused: boolean;
}

const found = StateEffect.define<{ from: number; to: number; places: readonly Place[] }>();
const focus = StateEffect.define<boolean>();

/** The tables in a stretch of the text, as far as it has been parsed. */
function placesIn(state: EditorState, from: number, to: number): Place[] {
  const places: Place[] = [];
  syntaxTree(state).iterate({
    from,
    to,
    enter(node) {
      if (node.name !== "Table") return node.name === "Document";
      // Inside a quotation or a list a table does not have whole lines of its own.
      if (node.to - node.from <= LONGEST && wholeLines(state, node.from, node.to)) {
        const text = state.sliceDoc(node.from, node.to);
        if (readTable(text) !== null) places.push({ from: node.from, to: node.to, widget: Decoration.replace({ widget: new TableView(text), block: true }) });
      }
      return false;
    },
  });
  return places;
}

function wholeLines(state: EditorState, from: number, to: number): boolean {
  return from < to && state.doc.lineAt(from).from === from && state.doc.lineAt(to).to === to;
}

/** Whether somebody writes in a stretch. What is found in it by searching is selected without the focus being here. */
function writes(state: EditorState, focused: boolean, from: number, to: number): boolean {
  return state.selection.ranges.some((r) => (focused || !r.empty) && [r.anchor, r.head].some((end) => end >= from && end <= to));
}

function draw(state: EditorState, places: readonly Place[], focused: boolean): DecorationSet {
  const ranges: Range<Decoration>[] = [];
  for (const place of places) {
    if (!writes(state, focused, place.from, place.to)) ranges.push(place.widget.range(place.from, place.to));
  }
  return Decoration.set(ranges);
}

const tables = StateField.define<Tables>({
  create(state) {
    const places = placesIn(state, 0, Math.min(state.doc.length, AT_FIRST));
    return { places, drawn: draw(state, places, false), focused: false };
  },
  update(now, transaction) {
    let { places, focused } = now;
    if (transaction.docChanged) {
      places = places
        .map((p) => ({ ...p, from: transaction.changes.mapPos(p.from, 1), to: transaction.changes.mapPos(p.to, -1) }))
        .filter((p) => wholeLines(transaction.state, p.from, p.to));
    }
    for (const effect of transaction.effects) {
      if (effect.is(focus)) focused = effect.value;
      else if (effect.is(found)) {
        const { from, to, places: fresh } = effect.value;
        const elsewhere = places.filter((p) => p.to < from || p.from > to);
        places = [...elsewhere, ...fresh].sort((a, b) => a.from - b.from);
      }
    }
    if (places === now.places && focused === now.focused && !transaction.selection) return now;
    return { places, focused, drawn: draw(transaction.state, places, focused) };
  },
  provide: (field) => EditorView.decorations.from(field, (value) => value.drawn),
});

/** Whether a caret stands in a stretch, so that it has to be shown as it is written. */
export function isWrittenIn(state: EditorState, from: number, to: number): boolean {
  return writes(state, state.field(tables).focused, from, to);
}

const same = (a: readonly Place[], b: readonly Place[]): boolean =>
  a.length === b.length && a.every((p, i) => p.from === b[i]?.from && p.to === b[i]?.to && (p.widget.spec.widget as TableView).eq(b[i]?.widget.spec.widget as TableView));

/** Looks for tables around what is in view. */
const lookout = ViewPlugin.define((view) => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    timer = undefined;
    // While something is being composed, nothing around it may move.
    if (view.composing) return later();
    const { from } = view.viewport;
    // What is not parsed yet is not without tables.
    const to = Math.min(view.viewport.to, syntaxTree(view.state).length);
    const places = placesIn(view.state, from, to);
    // A table that reaches out of the view is replaced as a whole.
    const [first, last] = [Math.min(from, places[0]?.from ?? from), Math.max(to, places.at(-1)?.to ?? to)];
    const now = view.state.field(tables);
    const effects: StateEffect<unknown>[] = [];
    if (!same(now.places.filter((p) => p.to >= first && p.from <= last), places)) effects.push(found.of({ from: first, to: last, places }));
    if (now.focused !== view.hasFocus) effects.push(focus.of(view.hasFocus));
    if (effects.length > 0) view.dispatch({ effects });
  };
  const later = (): void => {
    timer ??= setTimeout(look, LATER_MS);
  };
  later();
  return {
    update(update: ViewUpdate) {
      // The word of a change of focus can be lost when something else changes in the same moment.
      const unheard = update.state.field(tables).focused !== update.view.hasFocus;
      if (unheard || update.docChanged || update.viewportChanged || syntaxTree(update.startState) !== syntaxTree(update.state)) later();
    },
    destroy: () => clearTimeout(timer),
  };
});

/** Up and down go into a table that is in the way; of itself the caret would jump over it, since nothing in it is a line. */
function intoTable(view: EditorView, down: boolean): boolean {
  const { main } = view.state.selection;
  if (!main.empty) return false;
  const aim = view.moveVertically(main, down).head;
  const between = (p: Place): boolean => (down ? main.head < p.from && p.from < aim : aim < p.to && p.to < main.head);
  const { places } = view.state.field(tables);
  const met = down ? places.find(between) : places.findLast(between);
  if (met === undefined) return false;
  const anchor = down ? met.from : view.state.doc.lineAt(met.to).from;
  view.dispatch({ selection: { anchor }, scrollIntoView: true, userEvent: "select" });
  return true;
}

/** Tables as tables. */
export const drawnTables: Extension = [
  tables,
  lookout,
  Prec.high(
    keymap.of([
      { key: "ArrowDown", run: (view) => intoTable(view, true) },
      { key: "ArrowUp", run: (view) => intoTable(view, false) },
    ]),
  ),
  EditorView.focusChangeEffect.of((_state, focusing) => focus.of(focusing)),
];
