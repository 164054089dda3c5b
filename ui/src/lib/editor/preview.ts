/**
 * Live preview, the light kind: markup is hidden except around the caret, tasks can be ticked, and lines get the measures of
 * what they are. Only what is in view is looked at, so a large page costs no more than a small one. Tables are drawn by
 * `tables.ts`, and `owntitle.ts` leaves out a title that stands above the text already.
 */
import { syntaxTree } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { type DecorationSet, EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { Found } from "./marks";
import { ownTitleOnce } from "./owntitle";
import { drawnTables } from "./tables";

function decorate(view: EditorView): DecorationSet {
  const found = new Found(view.state, view.hasFocus);
  for (const visible of view.visibleRanges) {
    found.directions(visible);
    syntaxTree(view.state).iterate({ ...visible, enter: (node) => found.node(node, visible) });
  }
  return found.set();
}

const marks = ViewPlugin.fromClass(
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
export const livePreview: Extension = [marks, drawnTables, ownTitleOnce];
