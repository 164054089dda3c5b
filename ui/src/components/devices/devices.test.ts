// @vitest-environment jsdom
import { mount, tick, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import App from "../../App.svelte";
import { byDevice, somePlaces } from "../../lib/devices";
import { runOn } from "../../lib/platform/platform";
import { shelf } from "../../lib/stores/commons.svelte";
import { devices } from "../../lib/stores/devices.svelte";
import { start } from "../../lib/stores/engine.svelte";
import { jobs } from "../../lib/stores/jobs.svelte";
import { notices } from "../../lib/stores/notices.svelte";
import { place } from "../../lib/stores/place.svelte";
import { t } from "../../lib/strings";
import { refusal, type FakeEngine } from "../../testing/fakeengine";
import { PHRASE } from "../../testing/fakepairing";
import { firstMinute, repairCafe } from "../../testing/story";

const TICKET = "commonplace://device/k7f2mzq3t5n8xw4hcyb6rjd9gpv2ea7s";
let engine: FakeEngine;
let app: Record<string, unknown> | null = null;

// Dialogs are the browser's, which here has none.
HTMLDialogElement.prototype.showModal = function () { this.open = true; };
HTMLDialogElement.prototype.close = function () { this.open = false; };

const all = (mark: string): HTMLElement[] => [...document.querySelectorAll<HTMLElement>(`[data-testid="${mark}"]`)];
const one = (mark: string): HTMLElement | undefined => all(mark)[0];
const step = (dialog: string): string | undefined => one(dialog)?.dataset["step"];
const says = (dialog: string): string => one(dialog)?.closest("dialog")?.textContent?.replace(/\s+/g, " ") ?? "";

async function click(mark: string): Promise<void> {
  await vi.waitFor(() => expect(one(mark)).toBeDefined());
  one(mark)?.click();
  await tick();
}

async function type(mark: string, text: string, at = 0): Promise<void> {
  const field = all(mark)[at] as HTMLInputElement;
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await tick();
}

async function begin(with_: FakeEngine): Promise<void> {
  engine = with_;
  runOn(engine);
  shelf.replace([]);
  jobs.forget();
  notices.dismiss();
  place.go("you");
  app = mount(App, { target: document.body });
  await start();
  await devices.refresh();
}

afterEach(async () => {
  if (app !== null) await unmount(app);
  app = null;
  place.closeOver();
  vi.useRealTimers();
});

describe("devices that the engine tells by commons", () => {
  const [near, far] = [{ id: "a", name: "A" }, { id: "b", name: "B" }];
  const device = (name: string, more = {}) => ({ device: name, deviceName: name, this: false, here: false, lastSeen: null, by: null, since: null, revoked: false, ...more });

  it("are each there once, this one first and those that are nobody’s last", () => {
    const lists = [
      { commons: near, devices: [device("Desk", { this: true }), device("Alt", { revoked: true }), device("Phone")] },
      { commons: far, devices: [device("Desk", { this: true }), device("Phone", { revoked: true, here: true })] },
    ];
    expect(byDevice(lists).map((d) => [d.deviceName, d.here, d.commons.map((c) => c.name), d.revokedIn.map((c) => c.name)])).toEqual([
      ["Desk", false, ["A", "B"], []],
      ["Phone", true, ["A"], ["B"]],
      ["Alt", false, [], ["A"]],
    ]);
  });

  it("are checked by places that differ and stand in their order", () => {
    expect(somePlaces(3, 24, () => 0)).toEqual([0, 1, 2]);
    expect(somePlaces(3, 24, () => 0.999)).toEqual([21, 22, 23]);
    expect(somePlaces(3, 2, () => 0.5)).toHaveLength(2);
  });
});

describe("the list of one’s devices", () => {
  beforeEach(() => begin(repairCafe(3).engine));

  it("names each, when it was here, and where it is in", () => {
    expect(all("device-row").map((row) => row.dataset["name"])).toEqual(["Maren’s laptop", "Kitchen tablet", "Maren’s workshop PC", "Old phone"]);
    const words = all("device-row").map((row) => row.textContent ?? "");
    expect(words[0]).toContain(t.devices.this);
    expect(words[0]).toContain("in all 3 commons");
    expect(words[1]).toContain(t.devices.hereNow);
    expect(words[2]).toMatch(/last here .*added by Kitchen tablet/);
    expect(words[3]).toContain(t.devices.revoked);
    // Neither this one nor one that was revoked can be.
    expect(all("device-revoke")).toHaveLength(2);
  });

  it("revokes only after it said what that means, and keeping it is the easy answer", async () => {
    await click("device-revoke");
    expect(document.querySelector("dialog")?.textContent).toContain(t.revoke.title("Kitchen tablet"));
    for (const sentence of t.revoke.says) expect(document.querySelector("dialog")?.textContent).toContain(sentence);
    document.querySelector<HTMLFormElement>("dialog form")?.requestSubmit();
    await vi.waitFor(() => expect(one("revoke-go")).toBeUndefined());
    expect(engine.pairing.others.filter((d) => d.revoked)).toHaveLength(1);
    await click("device-revoke");
    await click("revoke-go");
    await vi.waitFor(() => expect(all("device-revoke")).toHaveLength(1));
    expect(one("notice")?.textContent).toContain("Kitchen tablet is your device no longer");
  });

  it("says so when this one was revoked, in the list and in what stands below", async () => {
    engine.pairing.revoked = true;
    const { view } = engine.commons[0]!;
    Object.assign(view, { left: true, out: { how: "revoked", said: "It was revoked by Kitchen tablet, another device of yours." } });
    engine.tell({ type: "commons", commons: view });
    await vi.waitFor(() => expect(one("notice")?.textContent).toContain("revoked by another one of yours"));
    await vi.waitFor(() => expect(one("status-line")?.textContent).toContain(t.status.revoked));
    expect(one("device-row")?.textContent).toContain("revoked in");
  });
});

describe("adding a device", () => {
  beforeEach(async () => {
    await begin(repairCafe(3).engine);
    await click("device-add");
    await vi.waitFor(() => expect(step("add-device")).toBe("ticket"));
  });

  it("shows a ticket, then the code, and adds what is approved", async () => {
    expect(one("device-ticket")?.textContent).toContain("commonplace://device/");
    expect(document.querySelector("dialog .qr img")?.getAttribute("alt")).toBe(t.pairing.qr);
    engine.pairing.comes("204 817");
    await vi.waitFor(() => expect(step("add-device")).toBe("code"));
    expect(one("pairing-code")?.textContent).toBe("204 817");
    expect(says("add-device")).toContain("Phone has your ticket");
    await click("device-approve");
    await vi.waitFor(() => expect(step("add-device")).toBe("added"));
    expect(says("add-device")).toContain("Harbour Street Co-op");
    await click("device-added");
    await vi.waitFor(() => expect(all("device-row").map((row) => row.dataset["name"])).toContain("Phone"));
    expect(engine.pairing.declined).toBe(0);
  });

  it("adds nothing that is refused, and says what that used up", async () => {
    engine.pairing.comes("204 817");
    await click("device-refuse");
    expect(step("add-device")).toBe("over");
    await vi.waitFor(() => expect(engine.pairing.declined).toBe(1));
    expect(one("problem")?.textContent).toContain(t.pairing.refused);
    await click("device-again");
    await vi.waitFor(() => expect(step("add-device")).toBe("ticket"));
    expect(engine.pairing.offers).toBe(2);
  });

  it("says that the new device went away", async () => {
    engine.pairing.comes("204 817");
    await vi.waitFor(() => expect(step("add-device")).toBe("code"));
    engine.pairing.goes();
    await vi.waitFor(() => expect(one("problem")?.textContent).toContain(t.pairing.gone));
  });

  it("says what the engine says when approving fails", async () => {
    engine.pairing.comes("204 817");
    await vi.waitFor(() => expect(step("add-device")).toBe("code"));
    engine.pairing.shown = { ...engine.pairing.shown!, code: "000 000" };
    await click("device-approve");
    await vi.waitFor(() => expect(one("problem")?.textContent).toContain("not the code"));
    expect(engine.pairing.others.map((d) => d.deviceName)).not.toContain("Phone");
  });

  it("makes the ticket void when the dialog is closed", async () => {
    place.closeOver();
    await vi.waitFor(() => expect(engine.pairing.declined).toBe(1));
  });

  it("is not ended by a click beside it", async () => {
    document.querySelector("dialog")?.click();
    await tick();
    expect(step("add-device")).toBe("ticket");
  });
});

it("a ticket whose time is over is said to be so", async () => {
  const story = repairCafe(3);
  story.engine.pairing.life = -1;
  await begin(story.engine);
  await click("device-add");
  await vi.waitFor(() => expect(one("problem")?.textContent).toContain(t.pairing.expired));
  expect(engine.pairing.declined).toBe(1);
});

describe("a new device", () => {
  beforeEach(() => begin(firstMinute()));

  async function compared(): Promise<void> {
    await click("welcome-device");
    await type("device-ticket-in", TICKET);
    await type("device-name", "Tablet");
    await click("device-pair");
    await vi.waitFor(() => expect(step("join-device")).toBe("reaching"));
    engine.pairing.compares("204 817");
    await vi.waitFor(() => expect(step("join-device")).toBe("code"));
  }

  it("shows the same code, waits, and shows how the commons come", async () => {
    await compared();
    expect(one("pairing-code")?.textContent).toBe("204 817");
    engine.pairing.taken("Kettles", "Allotments");
    await vi.waitFor(() => expect(step("join-device")).toBe("paired"));
    expect(engine.pairing.deviceName).toBe("Tablet");
    expect(all("arrival").map((row) => [row.dataset["name"], row.dataset["coming"]])).toEqual([["Kettles", "true"], ["Allotments", "true"]]);
    const [kettles] = engine.commons;
    engine.tell({ type: "progress", job: "sync", commons: kettles!.view.id, done: 412, total: 1204, finished: false, with: "desk" });
    await vi.waitFor(() => expect(one("arrival")?.textContent).toContain("412 of 1,204 changes"));
    engine.tell({ type: "progress", job: "sync", commons: kettles!.view.id, done: 1204, total: 1204, finished: true, with: "desk" });
    engine.tell({ type: "commons", commons: { ...kettles!.view, arriving: false, pages: 12 } });
    await vi.waitFor(() => expect(one("arrival")?.textContent).toContain("all here, 12 pages"));
    await click("device-begin");
    await vi.waitFor(() => expect(one("app")).toBeDefined());
    expect(shelf.current?.name).toBe("Kettles");
    expect(place.view).toBe("pages");
  });

  it("says what went wrong, keeps the ticket, and may be tried again", async () => {
    await compared();
    engine.pairing.fails(refusal("declined", "The other device did not approve of the code. Nothing was changed here."));
    await vi.waitFor(() => expect(step("join-device")).toBe("ask"));
    expect(one("problem")?.textContent).toContain("did not approve");
    expect((one("device-ticket-in") as HTMLInputElement).value).toBe(TICKET);
    await click("device-pair");
    await vi.waitFor(() => expect(step("join-device")).toBe("reaching"));
    engine.pairing.fails(refusal("unreachable", "The other device was not reached."));
    await vi.waitFor(() => expect(one("problem")?.textContent).toContain("not reached"));
  });

  it("refuses in words what is no ticket", async () => {
    await click("welcome-device");
    await type("device-ticket-in", "see you on Thursday");
    await click("device-pair");
    await vi.waitFor(() => expect(one("problem")?.dataset["code"]).toBe("ticketMalformed"));
    await type("device-ticket-in", TICKET);
    expect(one("problem")).toBeUndefined();
  });

  it("stops waiting when its person stops", async () => {
    await compared();
    await click("device-stop");
    await vi.waitFor(() => expect(engine.pairing.declined).toBe(1));
    expect(one("join-device")).toBeUndefined();
    expect(one("welcome-name")).toBeDefined();
  });

  it("is asked by a link, which pairs nothing by itself", async () => {
    engine.open(TICKET);
    await vi.waitFor(() => expect((one("device-ticket-in") as HTMLInputElement | undefined)?.value).toBe(TICKET));
    expect(step("join-device")).toBe("ask");
    expect(place.deviceTicket).toBeNull();
    expect(engine.pairing.shown).toBeNull();
  });

  it("tells a ticket for a device from one for a commons", async () => {
    await type("join-ticket", TICKET);
    await vi.waitFor(() => expect(one("join-for-device")).toBeDefined());
    expect(one("problem")).toBeUndefined();
    await click("join-pair");
    await vi.waitFor(() => expect((one("device-ticket-in") as HTMLInputElement | undefined)?.value).toBe(TICKET));
  });

  it("gets its old key back by 24 words, and is told of a wrong one", async () => {
    await click("welcome-restore");
    await type("restore-words", "able baker");
    expect((one("restore-go") as HTMLButtonElement).disabled).toBe(true);
    await type("restore-words", PHRASE.replace("yeast", "kettle"));
    await click("restore-go");
    await vi.waitFor(() => expect(one("problem")?.textContent).toContain("mistyped"));
    expect(engine.restored).toBeNull();
    await type("restore-words", `  ${PHRASE.toUpperCase().replaceAll(" ", "\n ")} `);
    await click("restore-go");
    await vi.waitFor(() => expect(step("restore")).toBe("done"));
    expect(engine.restored).toBe(PHRASE);
    // The window listens to what was begun anew.
    await click("restore-go");
    engine.tell({ type: "nearby", devices: [] });
    await vi.waitFor(() => expect(one("nearby-nobody")).toBeDefined());
  });
});

describe("the recovery phrase", () => {
  it("is shown when asked for, and a few of its words are asked back", async () => {
    await begin(repairCafe(3).engine);
    await click("phrase-open");
    expect(all("phrase-word")).toHaveLength(0);
    expect(says("phrase")).toContain(t.phrase.careful);
    await click("phrase-go");
    await vi.waitFor(() => expect(all("phrase-word")).toHaveLength(24));
    expect(one("phrase-word")?.textContent).toBe("1able");
    await click("phrase-go");
    const words = PHRASE.split(" ");
    const asked = all("phrase-given").map((field) => Number(field.dataset["at"]));
    expect(asked).toHaveLength(3);
    expect(all("phrase-word")).toHaveLength(0);
    for (const [i, at] of asked.entries()) await type("phrase-given", i === 1 ? "kettle" : ` ${words[at]?.toUpperCase()} `, i);
    await click("phrase-go");
    expect(one("problem")?.textContent).toContain(t.phrase.wrong(t.phrase.word(asked[1]! + 1)));
    await type("phrase-given", words[asked[1]!]!, 1);
    await click("phrase-go");
    expect(step("phrase")).toBe("right");
  });
});
