/** Markdown inside a line, drawn as elements: for cells of tables. Every word goes in as a text node. */
import type { SyntaxNode } from "@lezer/common";
import { aimOf, markAim } from "./links";
import { readPageLink } from "./pagelinks";
import { picturePlace } from "./widgets";

/** A text node, and where in the source its words begin. */
export interface Drawn {
  node: Text;
  from: number;
}

const looks: Record<string, string> = {
  Emphasis: "md-em",
  StrongEmphasis: "md-strong",
  Strikethrough: "md-strike",
  InlineCode: "md-code",
};

const markup = new Set(["EmphasisMark", "StrikethroughMark", "CodeMark", "LinkMark", "LinkTitle", "PageLinkMark", "PageLinkName"]);

/** Draws what is between `from` and `to` of `node` into an element, and notes the text nodes. */
export function drawInline(node: SyntaxNode, source: string, into: HTMLElement, drawn: Drawn[], from = node.from, to = node.to): void {
  let at = from;
  const words = (end: number): void => {
    if (end <= at) return;
    const text = document.createTextNode(source.slice(at, end));
    into.append(text);
    drawn.push({ node: text, from: at });
  };
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.to <= from || child.from >= to) continue;
    words(child.from);
    at = child.to;
    if (markup.has(child.name)) continue;
    if (child.name === "Escape") at = child.from + 1;
    else if (!drawNode(child, source, into, drawn)) at = child.from;
  }
  words(to);
}

/** Whether the node was one that is drawn otherwise than as it is written. */
function drawNode(node: SyntaxNode, source: string, into: HTMLElement, drawn: Drawn[]): boolean {
  const look = looks[node.name];
  const aim = aimOf(node, (from, to) => source.slice(from, to));
  if (look === undefined && aim === null && node.name !== "Image") return false;
  const element = document.createElement("span");
  if (node.name === "Image") {
    const url = node.getChild("URL");
    const end = node.getChildren("LinkMark")[1];
    if (url === null || end === undefined) return false;
    into.append(picturePlace(source.slice(node.from + 2, end.from), source.slice(url.from, url.to)));
    return true;
  }
  if (look !== undefined) element.className = look;
  if (aim !== null) markAim(element, aim);
  into.append(element);
  drawInline(node, source, element, drawn, ...shownOf(node, source));
  return true;
}

/** The stretch of a link that is words and not address. */
function shownOf(node: SyntaxNode, source: string): [number, number] {
  if (node.name === "PageLink") {
    const { at } = readPageLink(source.slice(node.from + 2, node.to - 2));
    return [node.from + 2 + at, node.to - 2];
  }
  const closing = node.name === "Link" ? node.getChildren("LinkMark")[1] : undefined;
  return closing === undefined ? [node.from, node.to] : [node.from, closing.from];
}
