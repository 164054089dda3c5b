import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

/** The window itself: one page, everything it needs beside it, nothing from elsewhere. */
export default defineConfig({
  plugins: [svelte()],
  clearScreen: false,
  server: { port: 5173, strictPort: true, host: "localhost" },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "safari17",
    // The content security policy lets fonts and scripts come from files only.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1500,
  },
  // The tests run the components' stores as a browser would.
  resolve: process.env["VITEST"] === undefined ? {} : { conditions: ["browser"] },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
  },
});
