// @vitest-environment jsdom
import { mount, unmount } from "svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runOn } from "../../lib/platform/platform";
import { start } from "../../lib/stores/engine.svelte";
import { repairCafe, type Story } from "../../testing/story";
import ExportDialog from "./ExportDialog.svelte";

let story: Pick<Story, "engine">;
let shown: Record<string, unknown> | null = null;

function marked(mark: string): HTMLElement | null {
  return document.querySelector(`[data-testid="${mark}"]`);
}

async function exported(): Promise<void> {
  shown = mount(ExportDialog, { target: document.body });
  const field = marked("export-dir") as HTMLInputElement;
  field.value = "/home/maren/copy";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  await vi.waitFor(() => expect((marked("export-go") as HTMLButtonElement).disabled).toBe(false));
  marked("export-go")?.click();
  await vi.waitFor(() => expect(marked("export-report")).not.toBeNull());
}

beforeEach(async () => {
  // jsdom knows dialogs, and not yet how they are shown and closed.
  HTMLDialogElement.prototype.showModal = function () { this.open = true; };
  HTMLDialogElement.prototype.close = function () { this.open = false; };
  story = repairCafe(3);
  runOn(story.engine);
  await start();
});

afterEach(async () => {
  if (shown !== null) await unmount(shown);
  shown = null;
});

describe("an export", () => {
  it("names the files that it kept, and replaces them when asked to", async () => {
    story.engine.edited = ["guides/Tea.md", "Rules.md"];
    const call = vi.spyOn(story.engine, "call");
    await exported();
    expect(marked("export-kept")?.textContent).toContain("2 files");
    expect(document.body.textContent).toContain("guides/Tea.md");
    expect(call.mock.calls.at(-1)?.[1]).toMatchObject({ overwrite: false });
    marked("export-replace")?.click();
    await vi.waitFor(() => expect(marked("export-kept")).toBeNull());
    expect(call.mock.calls.at(-1)?.[1]).toMatchObject({ dir: "/home/maren/copy", overwrite: true });
    expect(marked("export-replace")).toBeNull();
    expect(marked("export-report")?.textContent).toContain("written");
  });

  it("offers nothing to replace when nothing was kept", async () => {
    await exported();
    expect(marked("export-kept")).toBeNull();
    expect(marked("export-replace")).toBeNull();
  });
});
