/**
 * What the editor offers to complete: after `[[` the names of pages, after `#` the commons' tags.
 *
 * The engine is asked for a few rows at a time, never for the whole list; while those rows are all there are, further letters
 * are looked for among them and nothing is asked.
 */
import { acceptCompletion, autocompletion, pickedCompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { Prec, type Extension } from "@codemirror/state";
import { type EditorView, keymap } from "@codemirror/view";
import type { PageRow, TagRow } from "../api/generated";
import { folded, wholeName } from "../names";
import { t } from "../strings";
import { glyph, type Glyph } from "./glyphs";
import { isCode } from "./markdown";

export interface Known {
  /** Pages with this in their title or folder, lately changed first; at most `limit` of them, and how many there are. */
  pages(filter: string, limit: number): Promise<{ total: number; rows: readonly PageRow[] }>;
  /** The page that is called so. */
  named(name: string): Promise<PageRow | null>;
  /** Makes a page of this name, and tells by itself when that cannot be. */
  make(name: string): void;
  /** Tags in use, most used first. */
  tags(): readonly TagRow[];
}

/** The most rows that are offered, and asked for. */
const MOST = 40;

interface Offer extends Completion {
  type: Glyph;
  /** Where in the label what was typed stands. */
  match: readonly number[];
}

/** Where `wanted` stands in `text`, whatever its case; nothing when folding changes lengths. */
function matchIn(text: string, wanted: string): readonly number[] {
  const [low, needle] = [text.toLocaleLowerCase(), wanted.toLocaleLowerCase()];
  const at = needle === "" || low.length !== text.length ? -1 : low.indexOf(needle);
  return at < 0 ? [] : [at, at + needle.length];
}

/** How well a name answers to what is typed; less is better. */
function distance(name: string, wanted: string): number {
  const at = folded(name).indexOf(wanted);
  if (at === 0) return folded(name) === wanted ? 0 : 1;
  if (at < 0) return 4;
  return /[\s\p{P}]/u.test(folded(name).charAt(at - 1)) ? 2 : 3;
}

/** The best of them in front, those that are equally good in the order in which they came. */
function best<T>(all: readonly T[], name: (one: T) => string, wanted: string): T[] {
  return all
    .map((one) => ({ one, far: distance(name(one), wanted) }))
    .sort((a, b) => a.far - b.far)
    .slice(0, MOST)
    .map(({ one }) => one);
}

/** Puts a link in, and what is there already of its end is not put in twice. */
function putLink(view: EditorView, completion: Completion, from: number, to: number, name: string): void {
  const behind = view.state.sliceDoc(to, view.state.doc.lineAt(to).to);
  const rest = /^[^[\]]*\]\]/.exec(behind)?.[0].length ?? 0;
  view.dispatch({
    changes: { from, to: to + rest, insert: `${name}]]` },
    selection: { anchor: from + name.length + 2 },
    scrollIntoView: true,
    userEvent: "input.complete",
    annotations: pickedCompletion.of(completion),
  });
}

function pageOffer(row: PageRow, rows: readonly PageRow[], wanted: string): Offer {
  const title = row.title || t.list.untitled;
  // A title that several pages have does not say which is meant.
  const name = rows.some((other) => other.id !== row.id && other.title === row.title) ? wholeName(row) : row.title;
  return {
    label: title,
    detail: row.path,
    type: "page",
    match: matchIn(title, wanted),
    apply: (view, completion, from, to) => putLink(view, completion, from, to, name),
  };
}

function newOffer(known: Known, name: string): Offer {
  return {
    label: t.complete.newPage(name),
    type: "new",
    match: [],
    apply(view, completion, from, to) {
      putLink(view, completion, from, to, name);
      known.make(name);
    },
  };
}

interface Answer {
  rows: readonly PageRow[];
  /** What they were asked for. */
  asked: string;
  /** Whether there are no others. */
  all: boolean;
}

function pageResult(known: Known, answer: Answer, typed: string, from: number): CompletionResult {
  const wanted = folded(typed.trim());
  const fitting = answer.rows.filter((row) => folded(wholeName(row)).includes(wanted));
  const options: Offer[] = best(fitting, (row) => row.title, wanted).map((row) => pageOffer(row, answer.rows, typed.trim()));
  const taken = fitting.some((row) => [row.title, wholeName(row)].some((name) => folded(name) === wanted));
  if (wanted !== "" && !taken) options.push(newOffer(known, typed.trim()));
  return {
    from,
    options,
    filter: false,
    getMatch: (offer) => (offer as Offer).match,
    update(_result, at, to, { state }) {
      const now = state.sliceDoc(at, to);
      const narrower = answer.all && folded(now.trim()).includes(folded(answer.asked)) && INSIDE_LINK.test(now);
      return narrower ? pageResult(known, answer, now, at) : null;
    },
  };
}

const INSIDE_LINK = /^[^[\]|\n]*$/;

async function pagesIn(known: Known, context: CompletionContext): Promise<CompletionResult | null> {
  const begun = context.matchBefore(/\[\[[^[\]|\n]*$/);
  if (begun === null || isCode(context.state, context.pos)) return null;
  const typed = begun.text.slice(2);
  const asked = typed.trim();
  try {
    const { rows, total } = await known.pages(asked, MOST);
    const all = total <= rows.length;
    // Among many that have it in their name, the one that is called so must not be missing.
    const named = all || asked === "" || context.aborted ? null : await known.named(asked);
    const others = named === null ? rows : rows.filter((row) => row.id !== named.id);
    return pageResult(known, { rows: named === null ? rows : [named, ...others], asked, all }, typed, begun.from + 2);
  } catch {
    // Without an answer there is nothing to offer, and writing goes on.
    return null;
  }
}

const TAG = /#[\p{L}\p{N}\p{M}_/-]*$/u;
/** What of a line can come before a heading. */
const BEFORE_HEADING = /^[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s+)*$/;

function tagResult(known: Known, typed: string, from: number): CompletionResult | null {
  const wanted = folded(typed);
  const fitting = known.tags().filter((row) => folded(row.tag).includes(wanted));
  if (fitting.length === 0) return null;
  const options: Offer[] = best(fitting, (row) => row.tag, wanted).map(({ tag, pages }) => ({
    label: tag,
    detail: t.complete.onPages(pages),
    type: "tag",
    match: matchIn(tag, typed),
  }));
  return {
    from,
    options,
    filter: false,
    getMatch: (offer) => (offer as Offer).match,
    update: (_result, at, to, { state }) => (TAG.test(`#${state.sliceDoc(at, to)}`) ? tagResult(known, state.sliceDoc(at, to), at) : null),
  };
}

function tagsIn(known: Known, context: CompletionContext): CompletionResult | null {
  const begun = context.matchBefore(TAG);
  if (begun === null || isCode(context.state, context.pos)) return null;
  const line = context.state.doc.lineAt(begun.from);
  const before = line.text.slice(0, begun.from - line.from);
  if (!/(?:^|[\s([])$/.test(before)) return null;
  // A lone `#` at a line's beginning is about to be a heading.
  if (begun.text === "#" && BEFORE_HEADING.test(before)) return null;
  return tagResult(known, begun.text.slice(1), begun.from + 1);
}

/** Completion of pages and tags. */
export function completion(known: Known): Extension {
  return [
    autocompletion({
      override: [(context) => pagesIn(known, context), (context) => tagsIn(known, context)],
      icons: false,
      // What is offered comes from this device; there is no reason to hold it back.
      activateOnTypingDelay: 20,
      maxRenderedOptions: MOST + 1,
      tooltipClass: () => "cm-completions",
      addToOptions: [{ render: (offer) => glyph((offer as Offer).type), position: 20 }],
    }),
    Prec.highest(keymap.of([{ key: "Tab", run: acceptCompletion }])),
  ];
}
