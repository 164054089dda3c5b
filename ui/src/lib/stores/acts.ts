/** Ways into a commons, and what follows from them. */
import type { CommonsView } from "../api/generated";
import { call } from "../platform/platform";
import { shelf } from "./commons.svelte";
import { openCommons } from "./engine.svelte";
import { place } from "./place.svelte";

/** Goes into a commons. */
export function enter(commons: CommonsView): void {
  shelf.put(commons);
  openCommons(commons.id);
  place.go("pages");
}

/** Founds a commons and goes into it. Throws what the engine says. */
export async function found(name: string, purpose: string, licence: string): Promise<void> {
  enter(await call("commons_new", { name: name.trim(), purpose: purpose.trim(), licence, deciding: "open" }));
}
