// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from "vitest";

let appearance: typeof import("./appearance.svelte").appearance;

beforeEach(async () => {
  vi.resetModules();
  localStorage.clear();
  document.documentElement.style.fontSize = "";
  vi.spyOn(window, "getComputedStyle").mockImplementation(() => ({ fontSize: `${0.16 * Number.parseFloat(document.documentElement.style.fontSize || "100")}px` }) as CSSStyleDeclaration);
  innerWidth = 1280;
  ({ appearance } = await import("./appearance.svelte"));
});

describe("the size of text", () => {
  it("goes up and down in steps, has ends, and is remembered", () => {
    appearance.resize(-1);
    expect(appearance.size).toBe(100);
    for (let i = 0; i < 20; i++) appearance.resize(1);
    expect([appearance.size, appearance.largest, document.documentElement.style.fontSize, localStorage.getItem("text")]).toEqual([200, true, "200%", "200"]);
    appearance.resize(0);
    expect([appearance.size, document.documentElement.style.fontSize, localStorage.getItem("text")]).toEqual([100, "", null]);
  });

  it("makes a window a narrow one, in which the inspector lies over the text only when asked for", () => {
    expect(appearance.inspector).toBe(true);
    for (let i = 0; i < 5; i++) appearance.resize(1);
    expect([appearance.rem, appearance.inspector]).toEqual([32, false]);
    appearance.showInspector(true);
    expect(appearance.inspector).toBe(true);
    appearance.uncover();
    expect(appearance.inspector).toBe(false);
    appearance.resize(0);
    expect(appearance.inspector).toBe(true);
    appearance.uncover();
    expect(appearance.inspector).toBe(true);
  });
});
