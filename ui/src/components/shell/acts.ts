/** What there is to do, for the palette and for the keys. */
import { tick } from "svelte";
import { appearance } from "../../lib/stores/appearance.svelte";
import { shelf } from "../../lib/stores/commons.svelte";
import { desk } from "../../lib/stores/desk.svelte";
import { place } from "../../lib/stores/place.svelte";
import { t } from "../../lib/strings";

export interface Act {
  name: string;
  keys?: string;
  go: () => void;
}

/** In a small window they stand below what else is about this person. */
function toDevices(): void {
  place.go("you");
  void tick().then(() => document.getElementById("your-devices")?.scrollIntoView({ block: "start" }));
}

/** What can be done now. */
export function acts(): Act[] {
  const inCommons: Act[] = [
    { name: t.action.newPage, keys: "Ctrl N", go: () => place.openOver("newPage") },
    { name: t.side.search, keys: t.side.searchKey, go: () => place.go("search") },
    { name: t.side.pages, go: () => place.go("pages") },
    { name: t.side.tags, go: () => place.go("tags") },
    { name: t.side.people, go: () => place.go("people") },
    { name: t.side.changes, go: () => place.go("changes") },
    { name: t.action.invite, go: () => place.openOver("invite") },
    { name: t.import.title, go: () => place.openOver("import") },
    { name: t.export.title, go: () => place.openOver("export") },
  ];
  const everywhere: Act[] = [
    { name: t.rail.add, go: () => place.go("add") },
    { name: t.nearby.title, go: () => place.go("nearby") },
    { name: t.you.title, go: () => place.go("you") },
    { name: t.devices.title, go: toDevices },
    ...(shelf.all.some((commons) => !commons.left) ? [{ name: t.devices.add, go: () => place.openOver("addDevice") }] : []),
    { name: t.devices.pairThis, go: () => place.openOver("joinDevice") },
    { name: t.devices.phrase, go: () => place.openOver("phrase") },
    { name: `${t.you.theme}: ${t.you.light}`, go: () => appearance.choose("light") },
    { name: `${t.you.theme}: ${t.you.dark}`, go: () => appearance.choose("dark") },
    { name: `${t.you.theme}: ${t.you.system}`, go: () => appearance.choose("system") },
    { name: t.you.larger, keys: "Ctrl +", go: () => appearance.resize(1) },
    { name: t.you.smaller, keys: "Ctrl −", go: () => appearance.resize(-1) },
    { name: t.you.usual, keys: "Ctrl 0", go: () => appearance.resize(0) },
  ];
  return [...(shelf.current === null ? [] : inCommons), ...everywhere];
}

const RESIZING: Record<string, 1 | -1 | 0> = { "+": 1, "=": 1, "-": -1, "0": 0 };

/** Makes text larger or smaller, everywhere and before anything else is there; whether the key stood for that. */
export function resizeOnKey(event: KeyboardEvent): boolean {
  const step = event.ctrlKey || event.metaKey ? RESIZING[event.key] : undefined;
  if (step === undefined || event.altKey) return false;
  appearance.resize(step);
  return true;
}

/** Carries out what a key stands for; whether it stood for anything. */
export function actOnKey(event: KeyboardEvent): boolean {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.isComposing) return false;
  const inCommons = shelf.current !== null;
  const key = event.key.toLowerCase();
  if (key === "tab" && place.view === "page") desk.next(event.shiftKey ? -1 : 1);
  else if (key === "f" && event.shiftKey && inCommons) place.go("search");
  else if (event.shiftKey) return false;
  else if ((key === "k" || key === "p") && place.over !== "palette") place.openOver("palette");
  else if (key === "n" && inCommons) place.openOver("newPage");
  else if (key === "w") {
    if (place.view === "page" && desk.active !== null) void desk.close(desk.active);
  } else if (key === ".") appearance.showInspector(!appearance.inspector);
  else if (key === "k" || key === "p") place.closeOver();
  else return false;
  return true;
}
