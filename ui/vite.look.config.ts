import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

/** The same interface over an engine made for looking at it, in any browser. Never part of what is shipped. */
export default defineConfig({
  plugins: [svelte()],
  server: { port: 5174, strictPort: true, host: "localhost" },
  build: {
    outDir: "dist-look",
    emptyOutDir: true,
    target: "safari17",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1500,
    rollupOptions: { input: "look.html" },
  },
});
