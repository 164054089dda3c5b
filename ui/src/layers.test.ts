import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const root = import.meta.dirname;
const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(svelte|ts)$/.test(name) && !name.endsWith(".d.ts"))
  .map((name) => ({ name, text: readFileSync(join(root, name), "utf8") }));

/** Lower layers know nothing of higher ones. */
function layer(name: string): number {
  if (name.startsWith("lib/")) return 0;
  if (name.startsWith("components/shared/")) return 1;
  if (name.startsWith("components/")) return 2;
  if (name.startsWith("views/")) return 3;
  return 4;
}

function imports({ name, text }: { name: string; text: string }): string[] {
  return [...text.matchAll(/from "(\.[^"]+)"/g)].map(([, path]) => relative(root, join(root, name, "..", path ?? "")));
}

describe("the layers of the interface", () => {
  it("point one way: lib, shared components, components, views", () => {
    const wrong = files
      .filter((f) => !f.name.endsWith(".test.ts") && !f.name.startsWith("testing/"))
      .flatMap((f) => imports(f).filter((to) => layer(to) > layer(f.name) || to.startsWith("testing/")).map((to) => `${f.name} → ${to}`));
    expect(wrong).toEqual([]);
  });

  it("know the shell in one place only", () => {
    expect(files.filter((f) => !f.name.endsWith(".test.ts") && /from "@tauri-apps/.test(f.text)).map((f) => f.name)).toEqual(["lib/platform/tauri.ts"]);
  });

  it("keep components short", () => {
    expect(files.filter((f) => f.name.endsWith(".svelte") && f.text.split("\n").length > 250).map((f) => f.name)).toEqual([]);
  });

  it("have no markup in lib", () => {
    expect(files.filter((f) => f.name.startsWith("lib/") && f.name.endsWith(".svelte")).map((f) => f.name)).toEqual([]);
  });
});
