// @vitest-environment jsdom
import { acceptCompletion, closeCompletion, completionStatus, currentCompletions, moveCompletionSelection } from "@codemirror/autocomplete";
import { forceParsing } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { describe, expect, it, vi } from "vitest";
import type { PageRow, TagRow } from "../api/generated";
import { wholeName } from "../names";
import { pageLines } from "./collab";
import { completion, type Known } from "./complete";
import { markdownText } from "./markdown";

// An editor measures itself, and here there is nothing to measure.
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;

const row = (name: string, at = 0): PageRow => {
  const parts = name.split("/");
  return { id: `${name}${at}`, title: parts.pop() ?? "", path: parts.join("/"), changedAt: at, deleted: false };
};
const tag = (name: string, pages: number): TagRow => ({ tag: name, pages, people: 1, mine: false });

/** What is known, and how much was asked for. */
class Shelf implements Known {
  asked: string[] = [];
  handed = 0;
  made: string[] = [];
  constructor(
    readonly all: PageRow[],
    readonly inUse: TagRow[] = [],
  ) {}
  async pages(filter: string, limit: number): Promise<{ total: number; rows: PageRow[] }> {
    this.asked.push(filter);
    const fitting = this.all.filter((r) => wholeName(r).toLowerCase().includes(filter.toLowerCase()));
    const rows = fitting.slice(0, limit);
    this.handed += rows.length;
    return { total: fitting.length, rows };
  }
  async named(name: string): Promise<PageRow | null> {
    this.asked.push(`=${name}`);
    return this.all.find((r) => r.title === name) ?? null;
  }
  make(name: string): void {
    this.made.push(name);
  }
  tags(): TagRow[] {
    return this.inUse;
  }
}

function editor(known: Known, doc = ""): EditorView {
  const view = new EditorView({
    parent: document.body,
    state: EditorState.create({ doc, selection: { anchor: doc.length }, extensions: [pageLines, markdownText(), completion(known)] }),
  });
  forceParsing(view, doc.length, 1000);
  view.focus();
  return view;
}
function type(view: EditorView, text: string): void {
  for (const letter of text) {
    const { from, to } = view.state.selection.main;
    view.dispatch({ changes: { from, to, insert: letter }, selection: { anchor: from + 1 }, userEvent: "input.type" });
  }
}
const labels = (view: EditorView): string[] => currentCompletions(view.state).map((c) => c.label);
const offered = (view: EditorView, first: string): Promise<void> => vi.waitFor(() => expect(labels(view)[0]).toBe(first));
/** The list does not take a key in the moment in which it appears; that is waited for. */
const taken = (view: EditorView): Promise<void> => vi.waitFor(() => expect(acceptCompletion(view)).toBe(true));
const text = (view: EditorView): string => view.state.sliceDoc();

describe("[[", () => {
  const some = [row("Guides/Kettles"), row("Old kettles"), row("Cleaning contacts"), row("Zips")];

  it("offers pages, those that begin as typed in front, and puts the link in", async () => {
    const view = editor(new Shelf(some), "See ");
    type(view, "[[kettles");
    await offered(view, "Kettles");
    expect(labels(view)).toEqual(["Kettles", "Old kettles"]);
    await taken(view);
    expect(text(view)).toBe("See [[Kettles]]");
    expect(view.state.selection.main.head).toBe(text(view).length);
  });

  it("takes the end of a link that is there already", async () => {
    const view = editor(new Shelf(some), "[[ ontacts]] and on");
    view.dispatch({ selection: { anchor: 2 } });
    type(view, "zip");
    await offered(view, "Zips");
    await taken(view);
    expect(text(view)).toBe("[[Zips]] and on");
  });

  it("offers to make a page where the name is new, and only there", async () => {
    const shelf = new Shelf(some);
    const view = editor(shelf);
    type(view, "[[zips");
    await offered(view, "Zips");
    expect(labels(view)).toEqual(["Zips"]);
    type(view, " and buttons");
    await offered(view, "New page “zips and buttons”");
    await taken(view);
    expect([text(view), shelf.made]).toEqual(["[[zips and buttons]]", ["zips and buttons"]]);
  });

  it("says which page is meant when a title is there twice", async () => {
    const view = editor(new Shelf([row("a/Same"), row("b/Same", 1)]));
    type(view, "[[same");
    await offered(view, "Same");
    moveCompletionSelection(true)(view);
    await vi.waitFor(() => expect(moveCompletionSelection(true)(view)).toBe(true));
    await taken(view);
    expect(text(view)).toMatch(/^\[\[[ab]\/Same\]\]$/);
  });

  it("asks little of ten thousand pages: one question a letter at most, forty rows at most", async () => {
    const shelf = new Shelf([...Array.from({ length: 10_000 }, (_, i) => row(`Archive/Note ${i}`, i)), row("Note", -1)]);
    const view = editor(shelf);
    type(view, "[[");
    await offered(view, "Note 0");
    expect(shelf).toMatchObject({ asked: [""], handed: 40 });
    type(view, "Note");
    // The one that is called so is there, however many have it in their name.
    await offered(view, "Note");
    expect(shelf.asked.length).toBeLessThanOrEqual(1 + 2 * 4);
    expect(shelf.handed).toBeLessThanOrEqual(40 * 5);
    type(view, " 999");
    await vi.waitFor(() => expect(labels(view)).toContain("Note 9999"));
    const before = shelf.asked.length;
    // All that have that in their name are known by now: nothing more is asked.
    type(view, "9");
    await vi.waitFor(() => expect(labels(view)).toEqual(["Note 9999"]));
    expect(shelf.asked.length).toBe(before);
  });

  it("says nothing in code, in a link that is done, or without an answer", async () => {
    const shelf = new Shelf(some);
    for (const doc of ["```\n", "    ", "[[Zips]]"]) {
      const view = editor(shelf, doc);
      type(view, doc === "[[Zips]]" ? " zi" : "[[zi");
      await vi.waitFor(() => expect(completionStatus(view.state)).toBeNull());
    }
    expect(shelf.asked).toEqual([]);
    const broken = Object.assign(new Shelf(some), { pages: () => Promise.reject(new Error("busy")) });
    const view = editor(broken);
    type(view, "[[z");
    await vi.waitFor(() => expect(completionStatus(view.state)).toBeNull());
  });

  it("closes when told to", async () => {
    const view = editor(new Shelf(some));
    type(view, "[[z");
    await offered(view, "Zips");
    expect(closeCompletion(view)).toBe(true);
    expect(completionStatus(view.state)).toBeNull();
  });
});

describe("#", () => {
  const inUse = [tag("electrical", 9), tag("soldering", 4), tag("first-repair", 1)];

  it("offers tags with their counts, the most used first", async () => {
    const view = editor(new Shelf([], inUse), "About ");
    type(view, "#");
    await offered(view, "electrical");
    expect(currentCompletions(view.state).map((c) => c.detail)).toEqual(["on 9 pages", "on 4 pages", "on 1 page"]);
    type(view, "sol");
    await offered(view, "soldering");
    await taken(view);
    expect(text(view)).toBe("About #soldering");
  });

  it("leaves headings alone, and what is no tag", async () => {
    for (const [doc, typed] of [["", "#"], ["", "##"], ["- ", "#"], ["> ", "#"], ["a", "#e"], ["", "# e"], ["`", "#e"]] as const) {
      const view = editor(new Shelf([], inUse), doc);
      type(view, typed);
      await vi.waitFor(() => expect(completionStatus(view.state)).toBeNull());
      expect(labels(view)).toEqual([]);
    }
    const view = editor(new Shelf([], inUse));
    type(view, "#e");
    await offered(view, "electrical");
  });
});
