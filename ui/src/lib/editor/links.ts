/** Links in the text lead somewhere: with a click where their markup is hidden, with Ctrl or Cmd held anywhere, and from the keys. */
import { syntaxTree } from "@codemirror/language";
import type { EditorState, Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import type { SyntaxNode } from "@lezer/common";
import { readPageLink } from "./pagelinks";

/** Where a link leads: to the page of a name, or to an address, which may be a place among the pages. */
export type Aim = { page: string } | { address: string };

export type OnFollow = (aim: Aim) => void;

/** Where a node that is a link leads; nothing when it is none. `slice` gives the text. */
export function aimOf(node: SyntaxNode, slice: (from: number, to: number) => string): Aim | null {
  switch (node.name) {
    case "PageLink":
      return { page: readPageLink(slice(node.from + 2, node.to - 2)).name };
    case "Link":
    case "Autolink": {
      const url = node.getChild("URL");
      return url === null ? null : { address: slice(url.from, url.to).replace(/^<|>$/g, "") };
    }
    case "URL":
      return node.parent?.name === "Link" || node.parent?.name === "Image" || node.parent?.name === "LinkReference" ? null : { address: slice(node.from, node.to) };
    default:
      return null;
  }
}

/** Where the link around a position leads. */
export function aimAt(state: EditorState, position: number): Aim | null {
  for (const side of [1, -1] as const) {
    for (let node: SyntaxNode | null = syntaxTree(state).resolveInner(position, side); node !== null; node = node.parent) {
      const aim = aimOf(node, (from, to) => state.sliceDoc(from, to));
      if (aim !== null) return aim;
    }
  }
  return null;
}

/** Marks an element as a link, where the text of the page does not say so. */
export function markAim(element: HTMLElement, aim: Aim): void {
  element.className = "cm-link cm-follow md-link";
  if ("page" in aim) element.dataset["page"] = aim.page;
  else element.dataset["address"] = aim.address;
}

function aimUnder(event: MouseEvent, view: EditorView): Aim | null {
  if (event.button !== 0 || event.shiftKey || event.altKey) return null;
  const element = event.target instanceof Element ? event.target.closest<HTMLElement>(".cm-link") : null;
  if (element === null || !(event.ctrlKey || event.metaKey || element.classList.contains("cm-follow"))) return null;
  const { page, address } = element.dataset;
  if (page !== undefined) return { page };
  if (address !== undefined) return { address };
  return aimAt(view.state, view.posAtDOM(element));
}

/** Follows links. */
export function linksLead(follow: OnFollow): Extension {
  return [
    EditorView.domEventHandlers({
      mousedown(event, view) {
        // The caret stays where it is: it would bring the markup back under the pointer.
        if (aimUnder(event, view) === null) return false;
        event.preventDefault();
        return true;
      },
      click(event, view) {
        const aim = aimUnder(event, view);
        if (aim === null) return false;
        event.preventDefault();
        follow(aim);
        return true;
      },
    }),
    keymap.of([
      {
        key: "Alt-Enter",
        run(view) {
          const aim = aimAt(view.state, view.state.selection.main.head);
          if (aim !== null) follow(aim);
          return aim !== null;
        },
      },
    ]),
  ];
}
