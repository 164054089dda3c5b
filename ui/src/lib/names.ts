/** Names of people and of pages, taken apart and put together. */
import type { Ink, PageRow } from "./api/generated";

/** The twelve inks, in the order in which they are offered. */
export const INKS: readonly Ink[] = ["madder", "rust", "ochre", "olive", "fern", "verdigris", "lagoon", "woad", "iris", "mauve", "rose", "umber"];

/** What stands on a face. */
export function initial(name: string): string {
  const [first] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(name.trim());
  return first === undefined ? "·" : first.segment.toLocaleUpperCase();
}

/** A page's whole name: its title with folders before it. */
export function wholeName(row: Pick<PageRow, "title" | "path">): string {
  return row.path === "" ? row.title : `${row.path}/${row.title}`;
}

/** The name that gives a page another title and leaves it in its folder. A `/` in a title would make a folder, so it becomes one that does not. */
export function retitled(row: Pick<PageRow, "path">, title: string): string {
  return wholeName({ path: row.path, title: title.trim().replaceAll("/", "∕") });
}

/** The name of the page that a link to a file means, for a page in `folder`; nothing when it leads elsewhere. */
export function pageAt(address: string, folder: string): string | null {
  if (/^[a-z][a-z0-9+.-]*:|^\/\/|^#/i.test(address)) return null;
  let file: string;
  try {
    file = decodeURIComponent(address.replace(/[?#].*$/, ""));
  } catch {
    return null;
  }
  const parts = file.startsWith("/") || folder === "" ? [] : folder.split("/");
  for (const part of file.replace(/\.(?:md|markdown)$/i, "").split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.length === 0 ? null : parts.join("/");
}

/** A name as it is compared: without regard to case and accents. */
export function folded(name: string): string {
  return name.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}

/** The text, in parts, of which some are what was looked for. */
export function marked(text: string, wanted: string): { text: string; hit: boolean }[] {
  const needle = wanted.trim().toLocaleLowerCase();
  const at = needle === "" ? -1 : text.toLocaleLowerCase().indexOf(needle);
  if (at < 0 || text.toLocaleLowerCase().length !== text.length) return [{ text, hit: false }];
  return [
    { text: text.slice(0, at), hit: false },
    { text: text.slice(at, at + needle.length), hit: true },
    { text: text.slice(at + needle.length), hit: false },
  ].filter((part) => part.text !== "");
}
