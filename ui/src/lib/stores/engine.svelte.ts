/** The one place where what the engine tells is handed to the stores. */
import type { CommonsView, DecisionView, Event } from "../api/generated";
import { paced } from "../later";
import { call, platform, problemOf } from "../platform/platform";
import { t } from "../strings";
import { changes } from "./changes.svelte";
import { shelf } from "./commons.svelte";
import { desk } from "./desk.svelte";
import { devices } from "./devices.svelte";
import { jobs } from "./jobs.svelte";
import { charter, decisions, flags, lately, listsOf, people, tags } from "./lists.svelte";
import { nearby } from "./nearby.svelte";
import { notices } from "./notices.svelte";
import { pages } from "./pages.svelte";
import { place } from "./place.svelte";
import { session } from "./session.svelte";

/** Listens first and asks then, so that nothing falls between. */
export async function start(): Promise<void> {
  session.phase = "opening";
  try {
    await platform().listen(hear);
  } catch (thrown) {
    session.problem = problemOf(thrown);
    session.phase = "failed";
    return;
  }
  const answered = await askForEverything();
  // Only now is it known where tickets are read: in the first minute, or in a view. Until then the shell keeps them.
  if (answered) await platform().opened((link) => place.showTicket(link));
}

/** The engine began anew, under what is shown: listens to it, and asks it for everything. */
export async function startAnew(): Promise<void> {
  await platform().listen(hear);
  await askForEverything();
}

/** The commons that is open is another: its lists are what is wanted from now on. */
export function showCommons(id: string | null): void {
  listsOf(id);
  changes.of(id);
  pages.of(id);
}

/** Whether there was an answer. */
async function askForEverything(): Promise<boolean> {
  const status = await session.refresh();
  if (status === null) return false;
  shelf.replace(status.commons);
  showCommons(shelf.currentId);
  void devices.refresh();
  // Before the first minute is over nobody can be heard of, and that is no trouble.
  await nearby.refresh().catch(() => undefined);
  return true;
}

const everythingAgain = paced(500, () => {
  void askForEverything();
  for (const list of [tags, people, lately, decisions, charter, flags, pages, changes]) list.missed();
  desk.missed();
  void devices.lookAgain();
});

function hear(event: Event): void {
  switch (event.type) {
    case "commons":
      if (event.commons.left && !shelf.hasLeft(event.commons.id)) hasEnded(event.commons);
      shelf.put(event.commons);
      session.refreshSoon();
      break;
    case "pages":
      pages.changed(event.commons, event.rows);
      lately.changed(event.commons);
      changes.changed(event.commons);
      break;
    case "tags":
      tags.changed(event.commons);
      changes.changed(event.commons);
      break;
    case "flags":
      flags.changed(event.commons);
      changes.changed(event.commons);
      break;
    case "people":
      people.changed(event.commons);
      session.refreshSoon();
      devices.refreshSoon();
      break;
    case "nearby":
      nearby.devices = event.devices;
      break;
    case "knocks":
      nearby.knocks = event.knocks;
      break;
    case "knockAnswered":
      void nearby.refresh().catch(() => undefined);
      if (event.commons !== null) letIn(event.commons.id, event);
      break;
    case "editor":
    case "editorPage":
    case "carets":
    case "held":
      desk.hear(event);
      break;
    case "decisions":
      decisions.changed(event.commons);
      charter.changed(event.commons);
      break;
    case "fell":
      notices.told(t.decisions.fell(event.decision.what, event.why.join(" ")), event.decision.again ? { label: t.decisions.again, act: () => proposeAgain(event.commons, event.decision.id) } : undefined);
      break;
    case "pairing":
      devices.pairing = event.pairing;
      break;
    case "paired":
      devices.refreshSoon();
      session.refreshSoon();
      break;
    case "progress":
      jobs.put(event);
      break;
    case "trouble":
      notices.trouble(event.message);
      break;
    case "missed":
      jobs.forget();
      everythingAgain();
      break;
    default:
      event satisfies never;
  }
}

/** This device may write in a commons no more: says so where another device of the same person had it so. */
function hasEnded(commons: CommonsView): void {
  devices.refreshSoon();
  if (commons.out?.how === "revoked") notices.trouble(t.devices.wasRevoked(commons.name));
}

function letIn(id: string, event: Extract<Event, { type: "knockAnswered" }>): void {
  if (event.commons === null) return;
  shelf.put(event.commons);
  openCommons(id);
  notices.done(t.nearby.answered(event.commons.name));
}

/** Proposes something that fell once more, and says what came of it. */
export async function proposeAgain(commons: string, decision: string): Promise<DecisionView | null> {
  const done = await call("propose", { commons, proposed: { what: "again", decision }, reason: null });
  notices.done(done.said);
  return done.decision;
}

/** Opens a commons. */
export function openCommons(id: string): void {
  shelf.open(id);
  showCommons(id);
}
