/**
 * Others in the text: where they are, drawn beside the words and never in them, so that nobody's typing is disturbed.
 *
 * Positions come from the engine in the text as its log has it; between two such messages they move along with the changes.
 */
import { sendableUpdates } from "@codemirror/collab";
import { EditorSelection, StateEffect, StateField, Transaction, type EditorState, type Extension } from "@codemirror/state";
import { BlockType, Direction, EditorView, layer, RectangleMarker, ViewPlugin, type LayerMarker, type ViewUpdate } from "@codemirror/view";
import type { Caret, Ink } from "../api/generated";

/** Somebody's caret, in the text as this window has it. */
export interface PlacedCaret {
  readonly device: string;
  readonly name: string;
  readonly ink: Ink;
  readonly anchor: number;
  readonly head: number;
  /** Grows with every key they press, so that their name is shown anew. */
  readonly keys: number;
}

const showCarets = StateEffect.define<readonly Caret[]>();

/** The carets of others. */
export const placedCarets = StateField.define<readonly PlacedCaret[]>({
  create: () => [],
  update(carets, transaction) {
    if (transaction.docChanged && carets.length > 0) {
      // What is typed here at somebody's caret stays after it; what comes from them takes their caret along.
      const side = transaction.annotation(Transaction.remote) === true ? 1 : -1;
      carets = carets.map((c) => ({
        ...c,
        anchor: transaction.changes.mapPos(c.anchor, side),
        head: transaction.changes.mapPos(c.head, side),
      }));
    }
    for (const effect of transaction.effects) {
      if (effect.is(showCarets)) carets = place(effect.value, transaction.state, carets);
    }
    return carets;
  },
});

/** Carets as the engine tells them, moved over what was typed here and is not in its log yet. */
function place(told: readonly Caret[], state: EditorState, before: readonly PlacedCaret[]): readonly PlacedCaret[] {
  const unsent = sendableUpdates(state);
  const here = (position: number): number => {
    let moved = position;
    for (const update of unsent) moved = update.changes.mapPos(Math.min(moved, update.changes.length), -1);
    return Math.min(moved, state.doc.length);
  };
  return told.flatMap((caret) => {
    if (caret.anchor === null || caret.head === null) return [];
    const earlier = before.find((c) => c.device === caret.device);
    return [
      {
        device: caret.device,
        name: caret.name,
        ink: caret.ink,
        anchor: here(caret.anchor),
        head: here(caret.head),
        keys: (earlier?.keys ?? 0) + (caret.writing ? 1 : 0),
      },
    ];
  });
}

/** A caret with its name, at a place in the layer. */
class CaretMarker implements LayerMarker {
  constructor(
    private readonly caret: PlacedCaret,
    private readonly left: number,
    private readonly top: number,
    private readonly height: number,
    private readonly flag: "after" | "before" | "above" | "none",
  ) {}

  eq(other: CaretMarker): boolean {
    const [a, b] = [this.caret, other.caret];
    return (
      this.left === other.left && this.top === other.top && this.height === other.height && this.flag === other.flag &&
      a.device === b.device && a.name === b.name && a.ink === b.ink && a.keys === b.keys
    );
  }

  draw(): HTMLElement {
    const dom = document.createElement("div");
    this.adjust(dom, true);
    return dom;
  }

  update(dom: HTMLElement, former: LayerMarker): boolean {
    if (!(former instanceof CaretMarker) || former.caret.device !== this.caret.device) return false;
    this.adjust(dom, former.caret.keys !== this.caret.keys || former.flag !== this.flag || former.caret.name !== this.caret.name);
    return true;
  }

  private adjust(dom: HTMLElement, anew: boolean): void {
    dom.className = `cm-otherCaret w-${this.caret.ink}`;
    dom.style.insetInlineStart = "auto";
    dom.style.left = `${this.left}px`;
    dom.style.top = `${this.top}px`;
    dom.style.height = `${this.height}px`;
    if (!anew) return;
    // A new element begins its fading from the start.
    const flag = document.createElement("span");
    flag.className = `flag ${this.flag}`;
    flag.textContent = this.caret.name;
    dom.replaceChildren(flag);
  }
}

function caretMarkers(view: EditorView): readonly LayerMarker[] {
  const own = view.state.selection.main.head;
  const ownCoords = view.hasFocus ? view.coordsAtPos(own) : null;
  return view.state.field(placedCarets).flatMap((caret) => {
    if (caret.head < view.viewport.from || caret.head > view.viewport.to) return [];
    const range = EditorSelection.cursor(caret.head);
    const [piece] = RectangleMarker.forRange(view, "", range);
    const coords = view.coordsAtPos(caret.head);
    if (piece === undefined || coords === null) return [];
    const line = view.state.doc.lineAt(caret.head);
    const atEnd = caret.head === line.to;
    const coversOwn =
      ownCoords !== null &&
      (atEnd
        ? Math.abs(ownCoords.top - coords.top) < 4 && own !== caret.head && own > line.from
        : ownCoords.top < coords.top && coords.top - ownCoords.bottom < piece.height / 2);
    const after = view.textDirectionAt(caret.head) === Direction.RTL ? "before" : "after";
    const flag = coversOwn && !atEnd ? "none" : atEnd ? after : "above";
    return [new CaretMarker(caret, piece.left, piece.top, piece.height, flag)];
  });
}

/** A selection inside something that is drawn in the place of its text: one row of it, or nothing. */
function inDrawn(view: EditorView, look: string, from: number, to: number): RectangleMarker[] | null {
  const block = view.lineBlockAt(from);
  if (block.type === BlockType.Text || to > block.to) return null;
  const [start, end] = [view.coordsAtPos(from, 1), view.coordsAtPos(to, -1)];
  if (start === null || end === null || Math.abs(start.top - end.top) > 1) return [];
  const { left, top } = view.scrollDOM.getBoundingClientRect();
  const [near, far] = [Math.min(start.left, end.left), Math.max(start.left, end.left)];
  return [new RectangleMarker(look, near - left, start.top - top, far - near, start.bottom - start.top)];
}

function selectionMarkers(view: EditorView): readonly LayerMarker[] {
  return view.state.field(placedCarets).flatMap((caret) => {
    const [from, to] = [Math.min(caret.anchor, caret.head), Math.max(caret.anchor, caret.head)];
    if (from === to || to < view.viewport.from || from > view.viewport.to) return [];
    const look = `cm-otherSelection w-${caret.ink}`;
    return inDrawn(view, look, from, to) ?? RectangleMarker.forRange(view, look, EditorSelection.range(from, to));
  });
}

const changed = (update: ViewUpdate): boolean =>
  update.docChanged ||
  update.viewportChanged ||
  update.geometryChanged ||
  update.selectionSet ||
  update.focusChanged ||
  update.startState.field(placedCarets) !== update.state.field(placedCarets);

/** The carets and selections of others. */
export function othersInText(): Extension {
  return [
    placedCarets,
    layer({ above: true, class: "cm-otherCarets", update: changed, markers: caretMarkers }),
    layer({ above: false, class: "cm-otherSelections", update: changed, markers: selectionMarkers }),
  ];
}

/** Hands an editor the carets as the engine tells them. */
export function showOthers(view: EditorView, carets: readonly Caret[]): void {
  view.dispatch({ effects: showCarets.of(carets) });
}

const REPORT_EVERY_MS = 50;

/** Tells others where one's own caret is, not more often than every 50 ms; nothing while the editor is not in use. */
export function reportCaret(report: (caret: { anchor: number; head: number } | null) => void): Extension {
  return ViewPlugin.define((view) => {
    let last: { anchor: number; head: number } | null = null;
    // The engine has carets go along with edits, by rules that are not always this editor's: after one it is told in any case.
    let edited = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = (): void => {
      timer = undefined;
      // A position only means something to others once the text it stands in is in the log.
      if (sendableUpdates(view.state).length > 0) return;
      const { anchor, head } = view.state.selection.main;
      const now = view.hasFocus ? { anchor, head } : null;
      const same = now?.anchor === last?.anchor && now?.head === last?.head;
      if (same && (now === null || !edited)) return;
      [last, edited] = [now, false];
      report(now);
    };
    const soon = (): void => {
      timer ??= setTimeout(tell, REPORT_EVERY_MS);
    };
    soon();
    return {
      update(update) {
        edited ||= update.docChanged;
        // Any transaction may be the one by which the log has taken what was typed.
        if (update.transactions.length > 0 || update.focusChanged) soon();
      },
      destroy() {
        clearTimeout(timer);
      },
    };
  });
}
