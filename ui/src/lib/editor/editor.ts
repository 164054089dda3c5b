/** The editor of a page: everything it can do, put together. */
import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
import { search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, dropCursor, EditorView, highlightSpecialChars, keymap, placeholder, tooltips } from "@codemirror/view";
import { othersInText, reportCaret } from "./carets";
import { collabBinding, type CollabBindingOptions } from "./collab";
import { completion, type Known } from "./complete";
import { linksLead, type OnFollow } from "./links";
import { markdownText } from "./markdown";
import { isTitled, startOfText } from "./owntitle";
import { livePreview, tickAt } from "./preview";
import { t } from "../strings";

export interface EditorOptions {
  text: string;
  /** What the page is called. */
  title: string;
  /** What a screen reader calls it. */
  label: string;
  /** What an empty page says. */
  placeholder: string;
  binding: CollabBindingOptions;
  /** What pages and tags there are, to be completed. */
  known: Known;
  /** Somebody follows a link. */
  onFollow: OnFollow;
  onCaret: (caret: { anchor: number; head: number } | null) => void;
  /** The text or the caret is another. */
  onChange: (what: { text: boolean }) => void;
}

/** Ticks the task in the caret's line. */
function tickHere(view: EditorView): boolean {
  const line = view.state.doc.lineAt(view.state.selection.main.head);
  const task = /^\s*(?:[-*+]|\d{1,9}[.)])\s\[[ xX]\]/.exec(line.text);
  return task !== null && tickAt(view, line.from + task[0].length - 3);
}

const writing: Extension = [
  history(),
  drawSelection(),
  dropCursor(),
  highlightSpecialChars(),
  closeBrackets(),
  EditorState.allowMultipleSelections.of(true),
  EditorView.lineWrapping,
  EditorView.perLineTextDirection.of(true),
  search({ top: true }),
  // What is offered stays in the part of the window that shows the text.
  tooltips({ tooltipSpace: (view) => (view.dom.closest(".scroll") ?? document.documentElement).getBoundingClientRect() }),
  keymap.of([
    { key: "Mod-Enter", run: tickHere },
    { key: "Tab", run: indentMore, shift: indentLess },
    ...closeBracketsKeymap,
    ...historyKeymap,
    ...searchKeymap,
    ...defaultKeymap,
  ]),
];

const whoMayWrite = new Compartment();

/** Whether keys write in it. What others write appears in any case. */
export function mayWrite(view: EditorView, may: boolean): void {
  view.dispatch({ effects: whoMayWrite.reconfigure(EditorState.readOnly.of(!may)) });
}

/** An editor, not yet in any document. Its text is drawn as soon as it is put into one. */
export function createEditor(options: EditorOptions): EditorView {
  const state = EditorState.create({
    doc: options.text,
    extensions: [
      collabBinding(options.binding),
      whoMayWrite.of([]),
      writing,
      markdownText(),
      linksLead(options.onFollow),
      completion(options.known),
      livePreview,
      othersInText(),
      reportCaret(options.onCaret),
      placeholder(options.placeholder),
      EditorState.phrases.of({ ...t.find, Completions: t.complete.label }),
      EditorView.contentAttributes.of({ "aria-label": options.label, spellcheck: "true", autocapitalize: "sentences" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged || update.selectionSet) options.onChange({ text: update.docChanged });
      }),
    ],
  });
  const view = new EditorView({ state });
  isTitled(view, options.title);
  view.dispatch({ selection: { anchor: startOfText(view.state.doc, options.title) } });
  return view;
}
