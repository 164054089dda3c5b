// @vitest-environment jsdom
import { mount, tick, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runOn } from "../../lib/platform/platform";
import { t } from "../../lib/strings";
import { repairCafe, type Story } from "../../testing/story";
import Reach from "./Reach.svelte";

let story: Story;
let shown: Record<string, unknown> | null = null;
const answers: Promise<unknown>[] = [];

function marked(mark: string): HTMLElement | null {
  return document.querySelector(`[data-testid="${mark}"]`);
}

/** Until everything that was asked is answered, and what the answers lead to. */
async function settle(): Promise<void> {
  do {
    await Promise.allSettled(answers.splice(0));
    await tick();
  } while (answers.length > 0);
}

async function press(mark: string): Promise<void> {
  marked(mark)!.click();
  await settle();
}

beforeEach(async () => {
  story = repairCafe(3);
  const call = story.engine.call.bind(story.engine);
  vi.spyOn(story.engine, "call").mockImplementation((command, args) => {
    const answer = call(command, args);
    answers.push(answer);
    return answer;
  });
  runOn(story.engine);
  shown = mount(Reach, { target: document.body, props: {} });
  await settle();
});

afterEach(async () => {
  if (shown !== null) await unmount(shown);
  shown = null;
});

describe("how far the device reaches", () => {
  it("is the local network at first, and nothing is to be saved", () => {
    expect(marked("reach-lan")!.getAttribute("aria-pressed")).toBe("true");
    expect(marked("reach-save")).toBeNull();
    expect(marked("reach")!.textContent).not.toContain(t.reach.sees);
  });

  it("is chosen only with a second step, and says before what a relay sees", async () => {
    await press("reach-public");
    expect(marked("reach")!.textContent).toContain(t.reach.sees);
    expect(story.engine.reach.kind).toBe("lan");
    await press("reach-save");
    expect(story.engine.reach.kind).toBe("public");
    expect(marked("reach-later")).not.toBeNull();
  });

  it("takes a relay of one's own by its address, and shows what is wrong with it", async () => {
    await press("reach-relay");
    const address = marked("reach-address") as HTMLInputElement;
    expect((marked("reach-save") as HTMLButtonElement).disabled).toBe(true);
    const type = async (text: string) => {
      address.value = text;
      address.dispatchEvent(new Event("input", { bubbles: true }));
      await settle();
      await press("reach-save");
    };
    await type("nonsense");
    expect(story.engine.reach.kind).toBe("lan");
    expect(marked("reach")!.textContent).toContain("Nothing was changed");
    await type("https://relay.example.org");
    expect(story.engine.reach).toMatchObject({ kind: "relay", relay: "https://relay.example.org" });
  });
});
