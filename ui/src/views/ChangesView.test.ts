// @vitest-environment jsdom
import { mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import App from "../App.svelte";
import { runOn } from "../lib/platform/platform";
import { changes } from "../lib/stores/changes.svelte";
import { start } from "../lib/stores/engine.svelte";
import { listsOf } from "../lib/stores/lists.svelte";
import { notices } from "../lib/stores/notices.svelte";
import { place } from "../lib/stores/place.svelte";
import { repairCafe, type Story } from "../testing/story";

HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
  this.open = true;
};
HTMLDialogElement.prototype.close = function (this: HTMLDialogElement) {
  this.open = false;
};

let story: Story;
let shown: Record<string, unknown>;
const asked: [string, unknown][] = [];

function all(mark: string): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(`[data-testid="${mark}"]`)];
}

async function one(mark: string): Promise<HTMLElement> {
  return vi.waitFor(() => {
    const found = all(mark)[0];
    if (found === undefined) throw new Error(`${mark} is not there`);
    return found;
  });
}

beforeEach(async () => {
  story = repairCafe(8);
  const call = story.engine.call.bind(story.engine);
  asked.length = 0;
  vi.spyOn(story.engine, "call").mockImplementation((command, args) => {
    asked.push([command, args]);
    return call(command, args);
  });
  runOn(story.engine);
  notices.dismiss();
  place.go("changes");
  shown = mount(App, { target: document.body });
  await start();
  await vi.waitFor(() => expect(all("change-row")).toHaveLength(5));
});

afterEach(async () => {
  changes.of(null);
  listsOf(null);
  await unmount(shown);
});

const reverts = () => asked.filter(([command]) => command === "revert").map(([, args]) => (args as { dry: boolean }).dry);

describe("the changes of a commons", () => {
  it("are listed with who, what and how it reads, and a ledger's cannot be chosen", () => {
    const femi = all("change-row")[1];
    expect(femi?.textContent).toContain("Femi");
    expect(femi?.querySelector("ins")?.textContent).toBe("Soldering");
    expect(femi?.querySelector("del")?.textContent).toContain("let it cool");
    expect(all("change-choose").map((box) => (box as HTMLInputElement).disabled)).toEqual([false, false, false, true, false]);
    expect(all("change-revert")).toHaveLength(4);
  });

  it("are taken back only after it was said what that does, and that can be undone", async () => {
    story.engine.far(story.cafe.pages[0]!, 0, 0, "write on the drawer’s page when yo");
    all("change-revert")[0]?.click();
    const go = (await one("revert-go")) as HTMLButtonElement;
    await vi.waitFor(() => expect(all("revert-plan")[0]?.textContent).toContain("34 characters taken out."));
    expect(reverts()).toEqual([true]);
    expect(story.cafe.pages[0]!.log.string.startsWith("write on")).toBe(true);
    go.click();
    await vi.waitFor(() => expect(all("revert-plan")).toHaveLength(0));
    expect(reverts()).toEqual([true, false]);
    expect(story.cafe.pages[0]!.log.string.startsWith("Nine times")).toBe(true);
    expect(notices.current?.undo).toBeTypeOf("function");
  });

  it("that cannot be taken back any more are not", async () => {
    story.cafe.runs = story.cafe.runs.map((run) => ({ ...run, insertedText: "gone" }));
    all("change-revert")[0]?.click();
    const go = (await one("revert-go")) as HTMLButtonElement;
    await vi.waitFor(() => expect(all("revert-plan")[0]?.textContent).toContain("not there any more"));
    expect(go.disabled).toBe(true);
  });

  it("are taken back where that can be, and where not is said and stays to be read", async () => {
    story.engine.far(story.cafe.pages[0]!, 0, 0, "write on the drawer’s page when yo");
    story.engine.stuck.set(story.cafe.runs[1]!.id, "It would be too large. Nothing was changed in it.");
    for (const at of [0, 1]) all("change-choose")[at]?.click();
    (await one("revert-chosen")).click();
    await vi.waitFor(() => expect(all("revert-failed")[0]?.textContent).toContain("cannot be done"));
    (await one("revert-go")).click();
    await one("revert-close");
    expect(all("revert-plan")[0]?.textContent).toContain("Not done in Guides/Kettles that trip the breaker");
    expect(all("revert-plan")[0]?.textContent).toContain("It would be too large.");
    expect(notices.current?.undo).toBeTypeOf("function");
    expect(story.cafe.pages[0]!.log.string.startsWith("Nine times")).toBe(true);
    all("revert-close")[0]?.click();
    await vi.waitFor(() => expect(all("revert-plan")).toHaveLength(0));
  });

  it("that were too large to be looked at say so, and are looked at by themselves", async () => {
    story.cafe.runs = story.cafe.runs.map((run, at) => (at === 1 ? { ...run, unread: 12 } : run));
    story.engine.tell({ type: "pages", commons: story.cafe.view.id, rows: [] });
    await vi.waitFor(() => expect(all("change-row")[1]?.textContent).toContain("12 changes more"), 3_000);
    (await one("change-look")).click();
    await vi.waitFor(() => expect(all("change-row")).toHaveLength(1));
    (await one("changes-back")).click();
    await vi.waitFor(() => expect(all("change-row")).toHaveLength(5));
  });

  it("flagged without end by one hide nobody's flag, and who did that is named", async () => {
    const mallory = { member: "Mallory", name: "Mallory", ink: "rust" as const, you: false };
    const page = story.cafe.pages[1]!.row;
    for (let n = 0; n < 90; n++) story.cafe.flags.push({ who: mallory, page, change: `flood${n}.1-1`, reason: "" });
    story.engine.tell({ type: "flags", commons: story.cafe.view.id });
    await vi.waitFor(() => expect(all("flags-more")[0]?.textContent).toContain("70 flags more by Mallory"), 3_000);
    expect(all("flag-row").filter((row) => row.textContent?.includes("Wanda"))).toHaveLength(1);
    expect(all("flag-row")).toHaveLength(21);
    (await one("flags-by")).click();
    await vi.waitFor(() => expect(all("flag-row")).toHaveLength(50));
    (await one("flags-by-more")).click();
    await vi.waitFor(() => expect(all("flag-row")).toHaveLength(90));
    (await one("flags-all")).click();
    await vi.waitFor(() => expect(all("flag-row")).toHaveLength(21));
  });

  it("are chosen, several at once", async () => {
    for (const at of [0, 2]) all("change-choose")[at]?.click();
    (await one("revert-chosen")).click();
    await one("revert-plan");
    const args = asked.find(([command]) => command === "revert")?.[1] as { changes: string[] };
    expect(args.changes).toHaveLength(2);
  });

  it("are flagged for all to see, and flags of one's own are taken off", async () => {
    expect(all("flag-row")).toHaveLength(1);
    expect(all("unflag")).toHaveLength(0);
    all("change-flag")[1]?.click();
    const reason = (await one("flag-reason")) as HTMLInputElement;
    reason.value = "says who?";
    reason.dispatchEvent(new window.Event("input", { bubbles: true }));
    all("flag-go")[0]?.click();
    await vi.waitFor(() => expect(all("flag-row")).toHaveLength(2));
    await vi.waitFor(() => expect(all("change-row")[1]?.textContent).toContain("says who?"));
    all("unflag")[0]?.click();
    await vi.waitFor(() => expect(all("flag-row")).toHaveLength(1));
  });

  it("are those of one member when that is asked for", async () => {
    const by = (await one("changes-by")) as HTMLSelectElement;
    by.value = "Femi";
    by.dispatchEvent(new window.Event("change", { bubbles: true }));
    await vi.waitFor(() => expect(all("change-row")).toHaveLength(1));
  });

  it("come in stretches, without any twice", async () => {
    const first = story.cafe.runs[0]!;
    story.cafe.runs = Array.from({ length: 120 }, (_, at) => ({ ...first, id: `run${at}.1-1` }));
    story.engine.tell({ type: "pages", commons: story.cafe.view.id, rows: [] });
    await vi.waitFor(() => expect(all("change-row")).toHaveLength(50), 3_000);
    (await one("changes-more")).click();
    await vi.waitFor(() => expect(changes.runs?.length).toBeGreaterThan(50));
    expect(new Set(changes.runs?.map((run) => run.id)).size).toBe(changes.runs?.length);
  });
});

describe("muting", () => {
  it("is said in words, and a second time ends it", async () => {
    place.go("people");
    await one("mute");
    const button = () => all("mute").find((b) => b.getAttribute("aria-label")?.includes("Ines"));
    button()?.click();
    await vi.waitFor(() => expect(button()?.textContent).toBe("Unmute"), 3_000);
    expect(notices.current?.text).toContain("their text stays");
    button()?.click();
    await vi.waitFor(() => expect(button()?.textContent).toBe("Mute"), 3_000);
  });
});
