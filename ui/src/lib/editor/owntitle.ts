/**
 * The title that a page's text begins with, as imported files do. It stands above the text already, so there it is not shown
 * again, with the empty lines after it, until a caret goes to it: up from the first line, or to the beginning of the text. The
 * text stays as it is; a heading that says anything else than the title is a heading.
 */
import { type EditorState, type Extension, Prec, StateEffect, StateField, type Text } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap } from "@codemirror/view";
import { isWrittenIn } from "./tables";

/** Lines before and after the heading that are looked at. */
const FEW = 8;

interface Stretch {
  from: number;
  to: number;
}

interface OwnTitle {
  title: string;
  /** Where the text says it. */
  said: Stretch | null;
  drawn: DecorationSet;
}

const titled = StateEffect.define<string>();
const nothing = Decoration.replace({ block: true });

const plain = (words: string): string => words.replace(/[*_`[\]\\]/g, "").replace(/\s+/g, " ").trim().normalize();

/** The lines at the beginning of a text that say its title, with the empty ones around them. The last line is always left, to be written in. */
export function titleIn(doc: Text, title: string): Stretch | null {
  const wanted = plain(title);
  if (wanted === "") return null;
  const isEmpty = (number: number): boolean => doc.line(number).text.trim() === "";
  let line = 1;
  while (line < Math.min(doc.lines, FEW) && isEmpty(line)) line++;
  const { text } = doc.line(line);
  const marked = /^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$/.exec(text)?.[1];
  const under = line < doc.lines && /^ {0,3}(?:=+|-{2,})[ \t]*$/.test(doc.line(line + 1).text);
  if (plain(marked ?? (under ? text : "")) !== wanted) return null;
  if (marked === undefined) line++;
  if (line === doc.lines) return null;
  for (const last = Math.min(doc.lines - 1, line + FEW); line < last && isEmpty(line + 1); ) line++;
  return { from: 0, to: doc.line(line).to };
}

/** Where a caret goes that is meant for the text: after its title, if it begins with that. */
export function startOfText(doc: Text, title: string): number {
  const said = titleIn(doc, title);
  return said === null ? 0 : said.to + 1;
}

function draw(state: EditorState, said: Stretch | null): DecorationSet {
  return said === null || isWrittenIn(state, said.from, said.to) ? Decoration.none : Decoration.set(nothing.range(said.from, said.to));
}

const ownTitle = StateField.define<OwnTitle>({
  create: () => ({ title: "", said: null, drawn: Decoration.none }),
  update(now, transaction) {
    let { title, said } = now;
    for (const effect of transaction.effects) if (effect.is(titled)) title = effect.value;
    if (transaction.docChanged || title !== now.title) said = titleIn(transaction.newDoc, title);
    if (said === null && now.said === null) return title === now.title ? now : { title, said, drawn: Decoration.none };
    return { title, said, drawn: draw(transaction.state, said) };
  },
  provide: (field) => EditorView.decorations.from(field, (value) => value.drawn),
});

/** Says what the page is called. */
export function isTitled(view: EditorView, title: string): void {
  if (view.state.field(ownTitle, false)?.title !== title) view.dispatch({ effects: titled.of(title) });
}

/** From the first line that is shown, a way up leads to what is not; and what joins lines shows first what would be joined. */
function intoTitle(view: EditorView, at: "row" | "start"): boolean {
  const { said, drawn } = view.state.field(ownTitle);
  const { main } = view.state.selection;
  if (said === null || drawn === Decoration.none || !main.empty) return false;
  const first = view.state.doc.lineAt(said.to + 1);
  if (main.head > first.to || (at === "start" && main.head !== first.from)) return false;
  const [here, top] = [view.coordsAtPos(main.head), view.coordsAtPos(first.from)];
  if (main.head !== first.from && (here === null || top === null || here.top > top.top + 2)) return false;
  view.dispatch({ selection: { anchor: at === "start" ? said.to : view.state.doc.line(1).to }, scrollIntoView: true, userEvent: "select" });
  return true;
}

export const ownTitleOnce: Extension = [
  ownTitle,
  Prec.high(
    keymap.of([
      { key: "ArrowUp", run: (view) => intoTitle(view, "row") },
      { key: "Backspace", run: (view) => intoTitle(view, "start") },
    ]),
  ),
];
