/** What the text of a page can lead to: pages and tags to be completed, and links to be followed. */
import type { PageRow } from "../api/generated";
import type { Aim } from "../editor/links";
import { pageAt, wholeName } from "../names";
import { call, platform, problemOf } from "../platform/platform";
import { t } from "../strings";
import { tags } from "./lists.svelte";
import { notices } from "./notices.svelte";
import type { Around, OpenPage } from "./openpage.svelte";
import { everything, pages } from "./pages.svelte";
import { place } from "./place.svelte";

/** The page of this very name. The engine also answers to the beginning of an id, which a link does not mean. */
async function named(commons: string, name: string): Promise<PageRow | null> {
  try {
    const { row } = await call("page_show", { commons, page: name });
    return row.title === name || wholeName(row) === name ? row : null;
  } catch (thrown) {
    if (problemOf(thrown).code === "notFound") return null;
    throw thrown;
  }
}

/** The first page that answers to one of the names. */
async function firstNamed(commons: string, names: readonly string[]): Promise<PageRow | null> {
  for (const name of names) {
    const row = await named(commons, name);
    if (row !== null) return row;
  }
  return null;
}

async function follow(page: OpenPage, aim: Aim, open: (row: PageRow) => void): Promise<void> {
  if ("address" in aim && /^(?:https?|mailto):/i.test(aim.address)) return platform().browse(aim.address);
  const name = "page" in aim ? aim.page : pageAt(aim.address, page.row.path);
  if (name === null) return notices.trouble(t.links.nowhere);
  try {
    // A name may be followed by a place in the page; and titles with # in them there are too.
    const row = await firstNamed(page.commons, [name, name.replace(/#.*$/, "").trim()].filter((n, i, all) => n !== "" && all.indexOf(n) === i));
    if (row !== null) open(row);
    else place.openNew(name);
  } catch (thrown) {
    if (problemOf(thrown).code !== "ambiguous") return notices.trouble(problemOf(thrown).message);
    // Several pages are called so: let the person choose.
    pages.choose({ ...everything, filter: name });
    place.go("pages");
  }
}

/** For the page that is open; `open` brings another to the front. */
export function around(page: OpenPage, open: (row: PageRow) => void): Around {
  const { commons } = page;
  return {
    known: {
      pages: (filter, limit) => call("page_list", { commons, query: { filter: filter === "" ? null : filter, order: "lately", limit } }),
      named: (name) => named(commons, name).catch(() => null),
      make(name) {
        call("page_new", { commons, name }).catch((thrown: unknown) => notices.trouble(problemOf(thrown).message));
      },
      tags: () => tags.value ?? [],
    },
    onFollow: (aim) => void follow(page, aim, open),
  };
}
