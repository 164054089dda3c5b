/** What the status line says, and of what the figures beside it are. Pure, so that its honesty can be tested. */
import type { CommonsView, ConnectedDevice, Holding, Ink, Person } from "./api/generated";
import type { Progress } from "./stores/jobs.svelte";
import { t } from "./strings";
import { since } from "./time";

export interface Standing {
  icon: "here" | "nobody";
  /** Sentences, most important first. */
  says: string[];
  /** One for each device that could hold the last edit: filled when it has said so. */
  pips: { ink: Ink; holds: boolean; name: string }[];
  /** Pages whose edits are nowhere else, as dashed rings. */
  lone: number;
  /** Between 0 and 1, while something is going on whose length is known. */
  progress: number | null;
}

export interface Known {
  online: boolean;
  commons: CommonsView | null;
  connected: readonly ConnectedDevice[];
  /** Of the page in view. */
  holding: Holding | null;
  people: readonly Person[];
  jobs: readonly Progress[];
  /** Whether another device of the same person revoked this one in the commons. */
  revoked: boolean;
  now: number;
}

const JOBS = { import: t.status.importing, export: t.status.exporting } as const;

export function standing(known: Known): Standing {
  const { commons } = known;
  const here = known.connected.filter((d) => commons === null || d.commons.includes(commons.id));
  const going = known.jobs.find((j) => j.commons === commons?.id);
  const result: Standing = { icon: here.length > 0 ? "here" : "nobody", says: [], pips: [], lone: 0, progress: null };
  if (going !== undefined) {
    result.progress = going.total > 0 ? Math.min(1, going.done / going.total) : null;
    result.says =
      going.job === "sync" ? [t.status.syncing(going.with, going.done, going.total), t.status.ready] : [JOBS[going.job](going.done, going.total)];
    return result;
  }
  if (commons?.left === true) {
    result.icon = "nobody";
    result.says.push(known.revoked ? t.status.revoked : t.status.left(commons.out?.said ?? ""));
    return result;
  }
  result.says.push(known.online ? whoIsHere(here) : t.status.offline);
  const held = heldWords(known.holding, here.length);
  if (held !== null) {
    result.says.push(held);
    result.pips = pipsOf(known.holding);
  } else if (commons !== null && commons.onlyHere > 0) {
    result.says.push(t.status.onlyHere(commons.onlyHere));
    result.lone = Math.min(5, commons.onlyHere);
  }
  if (here.length === 0) {
    const last = lastHere(known.people);
    if (last !== null) result.says.push(t.status.lastHere(last.name, since(last.at, known.now)));
  }
  return result;
}

function whoIsHere(here: readonly ConnectedDevice[]): string {
  if (here.length === 0) return t.status.nobody;
  const paths = new Set(here.map((d) => d.path));
  const [only] = paths;
  return t.status.here(here.length, paths.size === 1 && only !== undefined && only !== "" ? only : null);
}

/** Those that count: devices here, and any that has said that it holds the edit. */
function counted(holding: Holding): Holding["holders"] {
  return holding.holders.filter((h) => h.here || h.holds);
}

function heldWords(holding: Holding | null, here: number): string | null {
  if (holding === null || !holding.wrote) return null;
  if (!holding.durable) return t.status.storing;
  const all = counted(holding);
  const held = all.filter((h) => h.holds).length;
  if (held === 0 && here === 0) return t.status.lastOnlyHere;
  if (all.length === 0) return t.status.lastOnlyHere;
  return held === all.length ? t.status.heldByAll(held) : t.status.heldBy(held, all.length);
}

function pipsOf(holding: Holding | null): Standing["pips"] {
  if (holding === null) return [];
  return counted(holding).slice(0, 12).map((h) => ({ ink: h.ink, holds: h.holds, name: h.deviceName }));
}

function lastHere(people: readonly Person[]): { name: string; at: number } | null {
  let last: { name: string; at: number } | null = null;
  for (const p of people) if (!p.you && p.lastSeen !== null && p.lastSeen > (last?.at ?? 0)) last = { name: p.name, at: p.lastSeen };
  return last;
}
