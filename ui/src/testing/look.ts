/**
 * The interface over the made-up engine. What to look at comes from the address:
 * `?story=first|cafe|scripts|alone|broken`, `&view=pages|tags|people|changes|search|nearby|you|add|page`, `&over=invite|import|…`,
 * `&theme=light|dark`, `&pages=10000`, `&knock`, `&sync`, `&trouble`, `&type` (others type on),
 * `&long=100000` (a page of so many characters), `&dir=rtl`, `&code` (a device waits to be approved).
 */
import "../styles/all.css";
import { mount } from "svelte";
import App from "../App.svelte";
import { runOn } from "../lib/platform/platform";
import { appearance } from "../lib/stores/appearance.svelte";
import { desk } from "../lib/stores/desk.svelte";
import { start } from "../lib/stores/engine.svelte";
import { place, type Over, type View } from "../lib/stores/place.svelte";
import type { FakeEngine } from "./fakeengine";
import { firstMinute, manyScripts, repairCafe, type Story } from "./story";

const asked = new URLSearchParams(location.search);
const theme = asked.get("theme");
if (asked.get("dir") === "rtl") document.documentElement.dir = "rtl";
if (theme === "light" || theme === "dark") appearance.choose(theme);

function tell({ engine, cafe, toasters }: Story): void {
  if (asked.has("knock")) engine.knocks = [{ device: "d5", name: "Piet", ink: "ochre", at: Date.now() }];
  if (asked.has("sync")) setTimeout(() => engine.tell({ type: "progress", job: "sync", commons: cafe.view.id, done: 412, total: 1204, finished: false, with: "Ines’s laptop" }), 300);
  if (asked.has("trouble")) setTimeout(() => engine.tell({ type: "trouble", message: "The disk is full, so your last 2 edits are not stored yet; they are safe while this window is open." }), 300);
  if (asked.has("type")) {
    let at = engine.carets[0]?.head ?? 0;
    setInterval(() => {
      engine.far(toasters, at, at, "ea");
      at += 2;
      engine.carets = engine.carets.map((c) => (c.name === "Ines" ? { ...c, anchor: at, head: at } : c));
      for (const session of engine.sessionsOf(toasters)) engine.tell({ type: "carets", session, carets: engine.carets });
    }, 700);
  }
}

async function show(): Promise<void> {
  const story = asked.get("story") ?? "cafe";
  let engine: FakeEngine;
  let cafe: Story | null = null;
  if (story === "cafe" || story === "scripts") {
    cafe = story === "cafe" ? repairCafe(Number(asked.get("pages") ?? 148)) : manyScripts();
    engine = cafe.engine;
    tell(cafe);
  } else engine = firstMinute();
  if (story === "alone") {
    await engine.call("init", { name: "Maren", ink: "woad" });
    await engine.call("commons_new", { name: "Seed Library" });
    engine.devices = [];
  }
  if (story === "broken") engine.broken = { code: "profileInUse", message: "This profile is open in another Commonplace on this device. Nothing was changed. Close the other one and try again." };
  runOn(engine);
  mount(App, { target: document.getElementById("app") as HTMLElement });
  await start();
  const view = asked.get("view") as View | null;
  if (asked.has("long") && cafe !== null) {
    // A page of about so many characters.
    const paragraph = `${"It is the coil and **not** the dirt, see [contacts](x.md). ".repeat(9)}\n\n## A heading\n\n- [ ] a task\n\n`;
    await desk.open(cafe.engine.addPage(cafe.cafe, "Long", paragraph.repeat(Math.ceil(Number(asked.get("long")) / paragraph.length))).row, { focus: true });
  } else if (view === "page" && cafe !== null) {
    const beside = cafe.cafe.pages[4];
    if (beside !== undefined) await desk.open(beside.row);
    await desk.open(cafe.toasters.row);
  } else if (view !== null) place.go(view);
  if (view === "search") place.searched = "solder";
  const over = asked.get("over") as Over | null;
  if (over !== null) place.openOver(over);
  if (asked.has("code")) engine.pairing.comes("204 817");
}

void show();
