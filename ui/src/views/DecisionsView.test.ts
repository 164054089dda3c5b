// @vitest-environment jsdom
import { mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import App from "../App.svelte";
import type { DecisionRow, DecisionView } from "../lib/api/generated";
import { runOn } from "../lib/platform/platform";
import { start } from "../lib/stores/engine.svelte";
import { notices } from "../lib/stores/notices.svelte";
import { place } from "../lib/stores/place.svelte";
import { repairCafe, type Story } from "../testing/story";

let story: Story;
let shown: Record<string, unknown> | null = null;

const marked = (mark: string): HTMLElement[] => [...document.querySelectorAll<HTMLElement>(`[data-testid="${mark}"]`)];

function decision(row: Partial<DecisionRow>, more: Partial<DecisionView> = {}): DecisionView {
  const by = { member: "m1", name: "Tomás", ink: "iris", you: false } as const;
  return {
    row: { id: "first", commons: story.cafe.view.id, what: "change the licence to CC0-1.0", by, outcome: "fallen", standing: "fell because another was decided", answers: [], ownWord: false, again: false, ...row },
    reason: "", rule: "", electorate: [], voices: [], unable: [], beside: "", yes: 0, yesNeeded: 2, ballots: 0, ballotsNeeded: 2, objections: 0, newcomers: [], sealedBy: null, sealed: "", why: [], ...more,
  };
}

beforeEach(async () => {
  story = repairCafe(3);
  runOn(story.engine);
  notices.dismiss();
  place.go("decisions");
});

async function begin(): Promise<void> {
  shown = mount(App, { target: document.body });
  await start();
}

afterEach(async () => {
  if (shown !== null) await unmount(shown);
  shown = null;
});

describe("the list of decisions", () => {
  it("has what members did by their own word, with its reason and without a vote", async () => {
    story.engine.decided = [decision({ what: "removed Nils", outcome: "forNow", standing: "counts, by their own word", ownWord: true }, { reason: "He asked for it." })];
    await begin();
    await vi.waitFor(() => expect(marked("decision-row")[0]?.textContent).toContain("Removed Nils"));
    expect(marked("decision-row")[0]?.textContent).toContain("by Tomás, counts, by their own word");
    expect(marked("decision-row")[0]?.textContent).not.toContain("proposed");
    marked("decision-row")[0]?.click();
    await vi.waitFor(() => expect(marked("decision-explained")[0]?.textContent).toContain("He asked for it."));
    expect(marked("again").length).toBe(0);
  });

  it("shows on what a ballot is spent in the place of an answer", async () => {
    const [ines, noor] = (["Ines", "Noor"] as const).map((name) => ({ member: name, name, ink: "iris", you: false }) as const);
    if (ines === undefined || noor === undefined) throw new Error("two electors");
    const why = "has spent their ballot of this round on “change the name”";
    story.engine.decided = [decision({ outcome: "open" }, { electorate: [ines, noor], unable: [{ who: ines, why }], beside: "Another proposal is open." })];
    await begin();
    await vi.waitFor(() => expect(marked("decision-row").length).toBe(1));
    marked("decision-row")[0]?.click();
    await vi.waitFor(() => expect(marked("beside")[0]?.textContent).toBe("Another proposal is open."));
    const voices = [...document.querySelectorAll(".explained .voice .meta")].map((voice) => voice.textContent);
    expect(voices).toEqual([why, "has not answered"]);
  });

  it("says why something fell, and proposes it again", async () => {
    story.engine.decided = [decision({ again: true }, { why: ["It fell because another that follows the same decision stands."] })];
    await begin();
    await vi.waitFor(() => expect(marked("decision-row").length).toBe(1));
    marked("decision-row")[0]?.click();
    await vi.waitFor(() => expect(marked("decision-explained")[0]?.textContent).toContain("It fell because another"));
    marked("again")[0]?.click();
    await vi.waitFor(() => expect(marked("decision-row").map((row) => row.dataset.outcome)).toEqual(["open", "fallen"]));
    await vi.waitFor(() => expect(marked("again").length).toBe(0));
    expect(notices.current?.text).toContain("This is proposed");
  });

  it("says in plain words that nobody can decide any more", async () => {
    await begin();
    await vi.waitFor(() => expect(marked("propose").length).toBe(1));
    expect(marked("stuck").length).toBe(0);
    story.cafe.view.stuck = "Nobody can decide anything here any more: of 1 steward, none is a member still.";
    story.engine.tell({ type: "decisions", commons: story.cafe.view.id });
    await vi.waitFor(() => expect(marked("stuck")[0]?.textContent).toContain("Nobody can decide anything"));
  });
});

describe("something of one's own that fell", () => {
  it("is told at the foot of the window, and proposed again from there", async () => {
    const fallen = decision({ again: true }, { why: ["It fell because it found too few."] });
    story.engine.decided = [fallen];
    await begin();
    story.engine.tell({ type: "fell", commons: story.cafe.view.id, decision: fallen.row, why: fallen.why });
    await vi.waitFor(() => expect(marked("notice")[0]?.textContent).toContain("It fell because it found too few."));
    marked("notice-remedy")[0]?.click();
    await vi.waitFor(() => expect(notices.current?.text).toContain("This is proposed"));
    await vi.waitFor(() => expect(marked("decision-row").map((row) => row.dataset.outcome)).toEqual(["open", "fallen"]));
  });
});
