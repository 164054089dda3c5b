// @vitest-environment jsdom
import { undo } from "@codemirror/commands";
import type { EditorView } from "@codemirror/view";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { repairCafe, type Story } from "../../testing/story";

type Stores = {
  desk: typeof import("./desk.svelte").desk;
  pages: typeof import("./pages.svelte").pages;
  shelf: typeof import("./commons.svelte").shelf;
  session: typeof import("./session.svelte").session;
  notices: typeof import("./notices.svelte").notices;
  engine: typeof import("./engine.svelte");
};

/** The same instances as the stores have. */
let placedCarets: typeof import("../editor/carets").placedCarets;
let syncedText: typeof import("../editor/collab").syncedText;
let story: Story;
let stores: Stores;

/** Fresh stores over a fresh engine, as after a start of the app. */
async function begin(pageCount = 148): Promise<void> {
  vi.resetModules();
  const platform = await import("../platform/platform");
  story = repairCafe(pageCount);
  platform.runOn(story.engine);
  ({ placedCarets } = await import("../editor/carets"));
  ({ syncedText } = await import("../editor/collab"));
  stores = {
    ...(await import("./desk.svelte")),
    ...(await import("./pages.svelte")),
    ...(await import("./commons.svelte")),
    ...(await import("./session.svelte")),
    ...(await import("./notices.svelte")),
    engine: await import("./engine.svelte"),
  };
  await stores.engine.start();
}

async function opened(): Promise<EditorView> {
  await stores.desk.open(story.toasters.row);
  const view = stores.desk.active?.view;
  if (view == null) throw new Error("the page did not open");
  return view;
}

// An editor measures itself, and here there is nothing to measure.
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;

beforeEach(() => begin());

describe("a page that is open", () => {
  it("has the engine's text, and what is typed goes to the engine", async () => {
    const view = await opened();
    expect(view.state.sliceDoc()).toBe(story.toasters.log.string);
    view.dispatch({ changes: { from: 0, insert: "Typed. " } });
    await Promise.resolve();
    await syncedText(view)?.flush();
    expect(story.toasters.log.string.startsWith("Typed. Nine")).toBe(true);
  });

  it("gives up nothing that was typed the moment before the window closes", async () => {
    const view = await opened();
    story.engine.beforeClosing(() => stores.desk.settle());
    view.dispatch({ changes: { from: 0, insert: "First. " } });
    view.dispatch({ changes: { from: 0, insert: "Last. " } });
    await story.engine.closing();
    expect(story.toasters.log.string.startsWith("Last. First. ")).toBe(true);
  });

  it("gets what others type, and undo leaves that alone", async () => {
    const view = await opened();
    view.dispatch({ changes: { from: 0, insert: "Mine. " } });
    await Promise.resolve();
    await syncedText(view)?.flush();
    story.engine.far(story.toasters, 0, 0, "Theirs. ");
    expect(view.state.sliceDoc(0, 14)).toBe("Theirs. Mine. ");
    undo(view);
    expect(view.state.sliceDoc(0, 12)).toBe("Theirs. Nine");
  });

  it("shows others' carets where their words are, also over text that is not sent yet", async () => {
    const view = await opened();
    const ines = (): number | undefined => view.state.field(placedCarets).find((c) => c.name === "Ines")?.head;
    const before = ines()!;
    expect(view.state.sliceDoc(before - 2, before)).toBe("cl");
    view.dispatch({ changes: { from: 0, insert: "0123456789" } });
    expect(ines()).toBe(before + 10);
    const [session] = story.engine.sessionsOf(story.toasters);
    story.engine.tell({ type: "carets", session: session!, carets: story.engine.carets });
    expect(ines()).toBe(before + 10);
  });

  it("takes updates that come before the answer that names its session", async () => {
    const open = story.engine.call.bind(story.engine);
    vi.spyOn(story.engine, "call").mockImplementation(async (command, args) => {
      const answer = await open(command, args);
      if (command === "editor_open") story.engine.far(story.toasters, 0, 0, "Early. ");
      return answer;
    });
    const view = await opened();
    expect(view.state.sliceDoc()).toBe(story.toasters.log.string);
    expect(view.state.sliceDoc(0, 7)).toBe("Early. ");
  });

  it("catches up when it is told that events were missed", async () => {
    const view = await opened();
    const stopped = vi.spyOn(story.engine, "tell").mockImplementation(() => undefined);
    story.engine.far(story.toasters, 0, 0, "Missed. ");
    stopped.mockRestore();
    expect(view.state.sliceDoc(0, 4)).toBe("Nine");
    story.engine.tell({ type: "missed" });
    await syncedText(view)?.flush();
    expect(view.state.sliceDoc()).toBe(story.toasters.log.string);
  });

  it("can be deleted, and brought back by the line that says so", async () => {
    await opened();
    await stores.desk.remove(stores.desk.active!);
    expect(stores.desk.tabs).toHaveLength(0);
    expect(story.toasters.row.deleted).toBe(true);
    await stores.notices.current?.undo?.();
    expect(story.toasters.row.deleted).toBe(false);
    expect(stores.desk.active?.id).toBe(story.toasters.row.id);
  });

  it("keeps its folder when its title is changed", async () => {
    await opened();
    await stores.desk.retitle(stores.desk.active!, "Toasters");
    expect(story.toasters.row).toMatchObject({ title: "Toasters", path: "Guides" });
    expect(stores.desk.active?.row.title).toBe("Toasters");
  });

  it("sends everything before its session ends", async () => {
    const view = await opened();
    view.dispatch({ changes: { from: 0, insert: "Last words. " } });
    await stores.desk.close(stores.desk.active!);
    expect(story.toasters.log.string.startsWith("Last words. ")).toBe(true);
    expect(story.engine.sessionsOf(story.toasters)).toHaveLength(0);
  });
});

describe("the list of pages", () => {
  it("asks for stretches only, ten thousand pages or not", async () => {
    await begin(10_000);
    await vi.waitFor(() => expect(stores.pages.total).toBe(10_000));
    const asked = vi.spyOn(story.engine, "call");
    stores.pages.show({ from: 5_150, to: 5_250 });
    await vi.waitFor(() => expect(stores.pages.row(5_249)).toBeDefined());
    expect(asked.mock.calls.filter(([command]) => command === "page_list")).toHaveLength(2);
    expect(stores.pages.row(3_000)).toBeUndefined();
  });

  it("shows the answer to the last question when answers overtake each other", async () => {
    const list = story.engine.call.bind(story.engine);
    let late: (() => void) | undefined;
    vi.spyOn(story.engine, "call").mockImplementation(async (command, args) => {
      const answer = await list(command, args);
      const filter = (args as { query?: { filter?: string } }).query?.filter;
      if (filter === "note") await new Promise<void>((resolve) => (late = resolve));
      return answer;
    });
    stores.pages.choose({ filter: "note" });
    stores.pages.choose({ filter: "toasters" });
    await vi.waitFor(() => expect(stores.pages.total).toBe(1));
    late?.();
    await Promise.resolve();
    expect(stores.pages.row(0)?.title).toBe("Toasters that won’t stay down");
  });
});

describe("a commons that is being founded", () => {
  it("is gone into when it is ready, and not before", async () => {
    const { found } = await import("./acts");
    const answer = story.engine.call.bind(story.engine);
    let made: (() => void) | undefined;
    stores.shelf.replace([]);
    stores.shelf.currentId = null;
    vi.spyOn(story.engine, "call").mockImplementation(async (command, args) => {
      // As the real one: the event that tells of a commons comes before anything else is made in it.
      if (command === "page_new") {
        story.engine.tell({ type: "commons", commons: story.engine.commons.at(-1)!.view });
        await new Promise<void>((resolve) => (made = resolve));
      }
      return answer(command, args);
    });
    const founding = found("Seed library", "", "CC-BY-SA-4.0");
    await vi.waitFor(() => expect(made).toBeDefined());
    expect(stores.shelf.all.map((c) => c.name)).toEqual(["Seed library"]);
    expect(stores.shelf.currentId).toBeNull();
    made!();
    await founding;
    expect(stores.shelf.current?.name).toBe("Seed library");
    expect(stores.desk.active?.commons).toBe(stores.shelf.currentId);
  });
});

describe("a profile that cannot be opened", () => {
  it("is said, and tried again when asked", async () => {
    vi.resetModules();
    const platform = await import("../platform/platform");
    story = repairCafe();
    story.engine.broken = { code: "profileInUse", message: "Open elsewhere." };
    platform.runOn(story.engine);
    const { session } = await import("./session.svelte");
    const { start } = await import("./engine.svelte");
    await start();
    expect(session.phase).toBe("failed");
    expect(session.problem?.code).toBe("profileInUse");
    story.engine.broken = null;
    await start();
    expect(session.phase).toBe("open");
  });
});
