import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Both headers together isolate a page, which gives it shared memory and so threads that work on one volume. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

const built = (file: string): string => fileURLToPath(new URL(`../../dist/${file}`, import.meta.url));

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  // In a project of your own "nnprep" comes from node_modules and this block goes; the next line stays.
  resolve: {
    alias: [
      { find: /^nnprep$/, replacement: built("web.js") },
      { find: /^nnprep\/engine-worker\.js/, replacement: built("steps/engine-worker.js") },
    ],
  },
  optimizeDeps: { exclude: ["nnprep"] },
  worker: { format: "es" },
  server: { headers: isolation, fs: { allow: ["../.."] } },
  preview: { headers: isolation },
  build: { outDir: "../../build/browser", emptyOutDir: true, target: "es2022", chunkSizeWarningLimit: 4000 },
});
