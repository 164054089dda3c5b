// @vitest-environment jsdom
import { flushSync, mount, tick, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Person } from "../../lib/api/generated";
import { runOn } from "../../lib/platform/platform";
import { repairCafe, type Story } from "../../testing/story";
import PartDialog from "./PartDialog.svelte";

let story: Story;
let shown: Record<string, unknown> | null = null;
const asked: [string, unknown][] = [];
const answers: Promise<unknown>[] = [];
const closed = vi.fn();

HTMLDialogElement.prototype.showModal = () => undefined;
HTMLDialogElement.prototype.close = () => undefined;

function marked(mark: string): HTMLElement | null {
  return document.querySelector(`[data-testid="${mark}"]`);
}

async function show(whom: (person: Person) => boolean): Promise<void> {
  const commons = story.engine.commons[0]!;
  const person = commons.people.find(whom)!;
  shown = mount(PartDialog, { target: document.body, props: { commons: commons.view, person, onclose: closed } });
  await settle();
}

/** Until everything that was asked is answered, and what the answers lead to being asked, too. */
async function settle(): Promise<void> {
  do {
    await Promise.allSettled(answers.splice(0));
    await tick();
  } while (answers.length > 0);
}

async function go(): Promise<void> {
  marked("part-go")!.click();
  await settle();
}

beforeEach(() => {
  story = repairCafe(3);
  const call = story.engine.call.bind(story.engine);
  asked.length = 0;
  closed.mockClear();
  vi.spyOn(story.engine, "call").mockImplementation((command, args) => {
    asked.push([command, args]);
    const answer = call(command, args);
    answers.push(answer);
    return answer;
  });
  runOn(story.engine);
});

afterEach(async () => {
  if (shown !== null) await unmount(shown);
  shown = null;
});

describe("leaving", () => {
  it("is done at once where others can go on", async () => {
    await show((p) => p.you);
    expect(marked("part-warns")).toBeNull();
    await go();
    expect(asked.at(-1)?.[0]).toBe("leave");
    expect(closed).toHaveBeenCalledOnce();
  });

  it("says before what nobody could undo", async () => {
    story.engine.leaving = ["Too few would be left to decide anything."];
    await show((p) => p.you);
    expect(marked("part-warns")?.textContent).toContain("Too few would be left");
    await go();
    expect(asked.at(-1)).toEqual(["leave", { commons: story.engine.commons[0]!.view.id, reason: null, anyway: true }]);
    expect(closed).toHaveBeenCalledOnce();
  });

  it("does not take for granted what came up since it was asked", async () => {
    await show((p) => p.you);
    story.engine.leaving = ["Too few would be left to decide anything."];
    await go();
    expect(closed).not.toHaveBeenCalled();
    expect(marked("part-warns")?.textContent).toContain("Too few would be left");
  });
});

describe("removing", () => {
  it("takes a reason along, where one was given", async () => {
    await show((p) => !p.you);
    const field = marked("part-reason") as HTMLInputElement;
    field.value = "sold our tools";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    flushSync();
    await go();
    expect(asked.at(-1)).toEqual(["propose", expect.objectContaining({ reason: "sold our tools" })]);
  });
});
