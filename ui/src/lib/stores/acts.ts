/** Ways into a commons, and what follows from them. */
import type { CommonsView } from "../api/generated";
import { call } from "../platform/platform";
import { shelf } from "./commons.svelte";
import { desk } from "./desk.svelte";
import { openCommons } from "./engine.svelte";
import { place } from "./place.svelte";
import { t } from "../strings";

/** Goes into a commons. */
export function enter(commons: CommonsView): void {
  // An event may have told of it already, and better.
  if (!shelf.all.some((c) => c.id === commons.id)) shelf.put(commons);
  openCommons(commons.id);
  place.go("pages");
}

/** Founds a commons, with a first page that says how to go on, and goes into it. Throws what the engine says. */
export async function found(name: string, purpose: string, licence: string): Promise<void> {
  const [commons, first] = await shelf.making(async () => {
    const commons = await call("commons_new", { name: name.trim(), purpose: purpose.trim(), licence, deciding: "open" });
    const body = t.firstPage.body(commons.name);
    return [commons, await call("page_new", { commons: commons.id, name: t.firstPage.title, body })] as const;
  });
  enter(commons);
  await desk.open(first, { focus: true });
}
