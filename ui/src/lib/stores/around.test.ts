// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { repairCafe, type Story } from "../../testing/story";
import type { Aim } from "../editor/links";
import type { PageRow } from "../api/generated";

let story: Story;
let opened: PageRow[];
let follow: (aim: Aim) => void;
let made: (name: string) => void;
let place: typeof import("./place.svelte").place;
let pages: typeof import("./pages.svelte").pages;
let notices: typeof import("./notices.svelte").notices;

beforeEach(async () => {
  vi.resetModules();
  story = repairCafe();
  (await import("../platform/platform")).runOn(story.engine);
  ({ place } = await import("./place.svelte"));
  ({ pages } = await import("./pages.svelte"));
  ({ notices } = await import("./notices.svelte"));
  await (await import("./engine.svelte")).start();
  const { around } = await import("./around");
  const { OpenPage } = await import("./openpage.svelte");
  opened = [];
  const text = around(new OpenPage(story.cafe.view.id, story.toasters.row), (row) => opened.push(row));
  follow = text.onFollow;
  made = text.known.make;
});

const opens = (title: string): Promise<void> => vi.waitFor(() => expect(opened.at(-1)?.title).toBe(title));

describe("a link of a page", () => {
  it("leads to the page of its title, or of its folder and title, also with a place in it", async () => {
    follow({ page: "Bench rules" });
    await opens("Bench rules");
    follow({ page: "Guides/Zips: replacing the slider" });
    await opens("Zips: replacing the slider");
    follow({ page: "Cleaning contacts#With spirit" });
    await opens("Cleaning contacts");
  });

  it("to a file leads to the page of that file", async () => {
    follow({ address: "Sewing%20machine%20tension.md" });
    await opens("Sewing machine tension");
    follow({ address: "../Bench rules.md#x" });
    await opens("Bench rules");
  });

  it("to nothing asks whether to make it, and never takes the beginning of an id for a name", async () => {
    follow({ page: story.toasters.row.id });
    await vi.waitFor(() => expect([place.over, place.suggested]).toEqual(["newPage", story.toasters.row.id]));
    expect(opened).toEqual([]);
  });

  it("that several pages answer to shows them all", async () => {
    for (const folder of ["a", "b"]) story.engine.addPage(story.cafe, `${folder}/Same`);
    follow({ page: "Same" });
    await vi.waitFor(() => expect([place.view, pages.filter.filter]).toEqual(["pages", "Same"]));
  });

  it("to the web goes to the browser, and to anything else nowhere", () => {
    follow({ address: "https://a.example/x" });
    expect(story.engine.browsed).toEqual(["https://a.example/x"]);
    follow({ address: "javascript:alert(1)" });
    follow({ address: "file:///etc/passwd" });
    expect(story.engine.browsed).toHaveLength(1);
    expect(notices.current?.trouble).toBe(true);
  });
});

describe("a page made while a link is written", () => {
  it("is there, and where it cannot be the reason is told", async () => {
    made("Fuses");
    await vi.waitFor(() => expect(story.cafe.pages.some((p) => p.row.title === "Fuses")).toBe(true));
    made(" ");
    await vi.waitFor(() => expect(notices.current?.text).toMatch(/needs a name/));
  });
});
