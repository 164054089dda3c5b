import { describe, expect, it } from "vitest";
import { initial, marked, retitled, wholeName } from "./names";
import { headingAt, outlineOf, wordsIn } from "./outline";
import { chunksOf, rowsInView } from "./rows";
import { since } from "./time";

describe("names", () => {
  it("keep their folder when a page gets another title", () => {
    expect(retitled({ path: "Guides/Old" }, " Kettles ")).toBe("Guides/Old/Kettles");
    expect(retitled({ path: "" }, "Kettles")).toBe("Kettles");
    expect(wholeName({ path: "a", title: retitled({ path: "" }, "and/or") })).not.toContain("and/or");
  });

  it("give a face its letter, whole", () => {
    expect(initial(" maren")).toBe("M");
    expect(initial("👩🏽‍🔬 Ada")).toBe("👩🏽‍🔬");
    expect(initial("")).toBe("·");
  });

  it("show what was looked for", () => {
    expect(marked("Soldering", "sold")).toEqual([{ text: "Sold", hit: true }, { text: "ering", hit: false }]);
    expect(marked("Soldering", " ")).toEqual([{ text: "Soldering", hit: false }]);
    // A letter that changes its length with its case cannot shift the mark.
    expect(marked("İstanbul", "stan").map((p) => p.text).join("")).toBe("İstanbul");
  });
});

describe("the outline", () => {
  const text = "# One\nwords\n```\n# not one\n```\n## Two **bold**  ##\r\nend";
  it("has the headings and nothing from code", () => {
    expect(outlineOf(text).map((h) => [h.level, h.title])).toEqual([[1, "One"], [2, "Two bold"]]);
    expect(text.slice(outlineOf(text)[1]!.at)).toMatch(/^## Two/);
  });
  it("knows what a position stands under", () => {
    const headings = outlineOf(text);
    expect(headingAt(headings, 8)?.title).toBe("One");
    expect(headingAt(headings, text.length)?.title).toBe("Two bold");
    expect(headingAt(outlineOf("a\n# b"), 0)).toBeUndefined();
  });
  it("counts words in any script", () => {
    expect(wordsIn("Don’t stop, it's 80 Ω")).toBe(5);
    expect(wordsIn("知識共有")).toBe(4);
    expect(wordsIn("المعرفة للجميع")).toBe(2);
    expect(wordsIn("")).toBe(0);
  });
});

describe("long lists", () => {
  it("draw what is in view", () => {
    expect(rowsInView(0, 600, 30, 10_000, 8)).toEqual({ from: 0, to: 28 });
    expect(rowsInView(30_000, 600, 30, 10_000, 8)).toEqual({ from: 992, to: 1028 });
    expect(rowsInView(9_999_999, 600, 30, 10, 8)).toEqual({ from: 10, to: 10 });
  });
  it("ask for the stretches that hold those rows", () => {
    expect(chunksOf({ from: 190, to: 401 }, 200)).toEqual([0, 1, 2]);
    expect(chunksOf({ from: 5, to: 5 }, 200)).toEqual([]);
  });
});

describe("times", () => {
  const now = new Date(2026, 10, 23, 14, 30).getTime();
  it("are said in words", () => {
    expect(since(now - 20_000, now)).toBe("just now");
    expect(since(now - 180_000, now)).toBe("3 minutes ago");
    expect(since(new Date(2026, 10, 23, 9, 5).getTime(), now)).toBe("at 09:05");
    expect(since(new Date(2026, 10, 22, 23, 59).getTime(), now)).toBe("yesterday at 23:59");
    expect(since(new Date(2026, 10, 19, 12, 0).getTime(), now)).toBe("Thursday");
    expect(since(new Date(2025, 10, 19, 12, 0).getTime(), now)).toBe("19 November 2025");
  });
});
