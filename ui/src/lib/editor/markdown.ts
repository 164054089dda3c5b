/** Markdown as it looks while it is written: words in the text face, markup quiet. */
import { markdown, markdownLanguage } from "@codemirror/lang-markdown";
import { HighlightStyle, syntaxHighlighting, syntaxTree } from "@codemirror/language";
import type { EditorState, Extension } from "@codemirror/state";
import { tags } from "@lezer/highlight";
import { pageLinks } from "./pagelinks";

const look = HighlightStyle.define([
  { tag: tags.heading1, class: "md-h1" },
  { tag: tags.heading2, class: "md-h2" },
  { tag: [tags.heading3, tags.heading4, tags.heading5, tags.heading6], class: "md-h3" },
  { tag: tags.emphasis, class: "md-em" },
  { tag: tags.strong, class: "md-strong" },
  { tag: tags.strikethrough, class: "md-strike" },
  { tag: tags.monospace, class: "md-code" },
  { tag: tags.link, class: "md-link" },
  { tag: [tags.url, tags.labelName], class: "md-url" },
  { tag: tags.quote, class: "md-quote" },
  { tag: [tags.processingInstruction, tags.contentSeparator, tags.meta], class: "mk" },
  { tag: [tags.comment, tags.tagName, tags.angleBracket, tags.attributeName, tags.attributeValue], class: "mk" },
]);

/** The language, its looks, and lists that go on with Enter. */
export function markdownText(): Extension {
  return [
    markdown({ base: markdownLanguage, extensions: [pageLinks], completeHTMLTags: false, pasteURLAsLink: true }),
    syntaxHighlighting(look),
  ];
}

const CODE = new Set(["FencedCode", "CodeBlock", "InlineCode", "HTMLBlock", "HTMLTag", "Comment", "CommentBlock", "URL"]);

/** Whether what stands at the position is no prose: code, an address. */
export function isCode(state: EditorState, position: number): boolean {
  for (let node = syntaxTree(state).resolveInner(position, -1); ; ) {
    if (CODE.has(node.name)) return true;
    if (node.parent === null) return false;
    node = node.parent;
  }
}
