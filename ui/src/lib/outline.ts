/** The headings of a Markdown text. */

export interface Heading {
  level: number;
  title: string;
  /** Where its line begins, in UTF-16 units. */
  at: number;
}

/** Headings with `#`, outside of fenced code. */
export function outlineOf(text: string): Heading[] {
  const headings: Heading[] = [];
  let fence = "";
  let at = 0;
  for (const line of text.split("\n")) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (mark !== undefined && (fence === "" || (mark.startsWith(fence)))) fence = fence === "" ? mark : "";
    else if (fence === "") {
      const heading = /^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*\r?$/.exec(line);
      const title = heading?.[2]?.replace(/[*_`[\]]/g, "").trim();
      if (heading?.[1] !== undefined && title !== undefined && title !== "") headings.push({ level: heading[1].length, title, at });
    }
    at += line.length + 1;
  }
  return headings;
}

/** The heading that a position stands under. */
export function headingAt(headings: readonly Heading[], position: number): Heading | undefined {
  return headings.findLast((heading) => heading.at <= position);
}

const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])[\p{L}\p{N}\p{M}])+(?:['’-][\p{L}\p{N}\p{M}]+)*/gu;

/** How many words a text has; in scripts without spaces every character is one. */
export function wordsIn(text: string): number {
  return text.match(WORD)?.length ?? 0;
}
