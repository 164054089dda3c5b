/** The short lists of the open commons: tags, people, the pages written in lately, and what it decides. */
import type { CharterView, DecisionRow, FlagList, PageRow, Person, TagRow } from "../api/generated";
import { call } from "../platform/platform";
import { Snapshot } from "./snapshot.svelte";

const LATELY = 12;

export const tags = new Snapshot<TagRow[]>((commons) => call("tags", { commons }));
export const people = new Snapshot<Person[]>((commons) => call("people", { commons }));
export const lately = new Snapshot<PageRow[]>(async (commons) => {
  const list = await call("page_list", { commons, query: { order: "lately", limit: LATELY } });
  return list.rows;
});

export const decisions = new Snapshot<DecisionRow[]>((commons) => call("decisions", { commons }));
export const flags = new Snapshot<FlagList>((commons) => call("flags", { commons, query: {} }));
export const charter = new Snapshot<CharterView>((commons) => call("charter", { commons }));

/** All of them, of this commons from now on. */
export function listsOf(commons: string | null): void {
  tags.of(commons);
  people.of(commons);
  lately.of(commons);
  decisions.of(commons);
  flags.of(commons);
  charter.of(commons);
}

/** How many flags there are, those included that are not listed. */
export function flagCount(): number {
  const all = flags.value;
  return all === null ? 0 : all.more.reduce((sum, more) => sum + more.count, all.flags.length);
}

/** Others who are on a page now. */
export function onPage(page: string): Person[] {
  return (people.value ?? []).filter((p) => p.here && !p.you && p.page?.id === page);
}
