// @vitest-environment jsdom
import { mount, tick, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import App from "../../App.svelte";
import { runOn } from "../../lib/platform/platform";
import { shelf } from "../../lib/stores/commons.svelte";
import { start } from "../../lib/stores/engine.svelte";
import { place } from "../../lib/stores/place.svelte";
import { firstMinute, repairCafe, type Story } from "../../testing/story";
import JoinWay from "./JoinWay.svelte";

const TICKET = "commonplace://join/k7f2mzq3t5n8xw4hcyb6rjd9gpv2ea7s";

let story: Pick<Story, "engine">;
let shown: Record<string, unknown> | null = null;
const asked: string[] = [];

function marked(mark: string): HTMLElement | null {
  return document.querySelector(`[data-testid="${mark}"]`);
}

function show(): void {
  shown = mount(JoinWay, { target: document.body, props: { introduced: () => Promise.resolve(true) } });
}

beforeEach(async () => {
  story = repairCafe(3);
  const call = story.engine.call.bind(story.engine);
  asked.length = 0;
  vi.spyOn(story.engine, "call").mockImplementation((command, args) => {
    asked.push(command);
    return call(command, args);
  });
  runOn(story.engine);
  place.go("people");
  await story.engine.opened((link) => place.showTicket(link));
});

/** Starts the whole app with this ticket. */
async function begin(): Promise<void> {
  story.engine.startedWith = TICKET;
  shown = mount(App, { target: document.body });
  await start();
}

afterEach(async () => {
  if (shown !== null) await unmount(shown);
  shown = null;
});

describe("a ticket that the app is opened with", () => {
  it("leads to where tickets are read, is filled in and read, and joins nothing", async () => {
    story.engine.open(TICKET);
    expect(place.view).toBe("add");
    show();
    await vi.waitFor(() => expect(marked("join-about")?.textContent).toContain("Ines"));
    expect((marked("join-ticket") as HTMLInputElement).value).toBe(TICKET);
    expect((marked("join-go") as HTMLButtonElement).disabled).toBe(false);
    expect(asked).toEqual(["ticket_read"]);
    expect(place.ticket).toBeNull();
  });

  it("is there when everything is, if the app is started with it", async () => {
    await begin();
    await vi.waitFor(() => expect(marked("join-about")).not.toBeNull());
    expect(marked("app")).not.toBeNull();
    expect((marked("join-ticket") as HTMLInputElement).value).toBe(TICKET);
    expect(asked).not.toContain("join");
  });

  it("is there in the first minute, under the question for a name", async () => {
    story = { engine: firstMinute() };
    runOn(story.engine);
    shelf.replace([]);
    await begin();
    await vi.waitFor(() => expect(marked("join-about")).not.toBeNull());
    expect(marked("welcome-name")).not.toBeNull();
    expect((marked("join-ticket") as HTMLInputElement).value).toBe(TICKET);
  });

  it("waits in the shell until the profile is open", async () => {
    story.engine.broken = { code: "profileInUse", message: "Open elsewhere." };
    await begin();
    expect(story.engine.startedWith).toBe(TICKET);
    story.engine.broken = null;
    await start();
    await vi.waitFor(() => expect((marked("join-ticket") as HTMLInputElement | null)?.value).toBe(TICKET));
  });

  it("takes the place of what the field holds while it is shown", async () => {
    show();
    const field = marked("join-ticket") as HTMLInputElement;
    field.value = "see you on Thursday";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await vi.waitFor(() => expect(marked("problem")).not.toBeNull());
    story.engine.open(TICKET);
    await vi.waitFor(() => expect(marked("join-about")).not.toBeNull());
    expect(field.value).toBe(TICKET);
    expect(marked("problem")).toBeNull();
  });

  it("is refused in words when it is none, and what is typed afterwards stays", async () => {
    show();
    story.engine.open("commonplace://join/");
    await vi.waitFor(() => expect(marked("problem")?.textContent).toContain("Cut short"));
    expect((marked("join-go") as HTMLButtonElement).disabled).toBe(true);
    const field = marked("join-ticket") as HTMLInputElement;
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await tick();
    expect(field.value).toBe("");
    expect(marked("problem")).toBeNull();
  });
});
