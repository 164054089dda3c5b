/** `[[Title]]`, a link to a page by its name, and `[[Title|words]]`, which shows other words for it: how they are read. */
import { tags } from "@lezer/highlight";
import type { Element, MarkdownConfig } from "@lezer/markdown";

/** A link is looked for no further than this, so that a page of brackets costs no more than another. */
const LONGEST = 400;
/** Up to the last `]]` of a run, so that a title may end with a bracket. */
const INSIDE = /^((?:(?!\[\[)[^\n])+?)\]\](?!\])/;

const OPENING = "[".charCodeAt(0);

export interface PageLink {
  /** The page's name: its title, maybe with folders before it. */
  name: string;
  /** What is shown. */
  shown: string;
  /** Where `shown` begins, counted from after the `[[`. */
  at: number;
}

/** What stands between `[[` and `]]`. In a table the bar has a backslash before it. */
export function readPageLink(inside: string): PageLink {
  const bar = /\\?\|/.exec(inside);
  if (bar === null || bar.index === 0 || bar.index + bar[0].length === inside.length) return { name: inside.trim(), shown: inside, at: 0 };
  const at = bar.index + bar[0].length;
  return { name: inside.slice(0, bar.index).trim(), shown: inside.slice(at), at };
}

/** For the parser: a `PageLink` has its two `PageLinkMark`s, and between them, where other words are shown, a `PageLinkName`. */
export const pageLinks: MarkdownConfig = {
  defineNodes: [
    { name: "PageLink", style: { "PageLink/...": tags.link } },
    { name: "PageLinkMark", style: tags.processingInstruction },
    { name: "PageLinkName", style: tags.labelName },
  ],
  parseInline: [
    {
      name: "PageLink",
      before: "Link",
      parse(context, next, from) {
        if (next !== OPENING || context.char(from + 1) !== OPENING) return -1;
        const inside = INSIDE.exec(context.slice(from + 2, Math.min(context.end, from + LONGEST)))?.[1];
        if (inside === undefined || inside.trim() === "") return -1;
        const to = from + 2 + inside.length + 2;
        const { at } = readPageLink(inside);
        const parts: Element[] = [context.elt("PageLinkMark", from, from + 2)];
        if (at > 0) parts.push(context.elt("PageLinkName", from + 2, from + 2 + at));
        parts.push(context.elt("PageLinkMark", to - 2, to));
        return context.addElement(context.elt("PageLink", from, to, parts));
      },
    },
  ],
};
