import { copyFileSync, createReadStream, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

/** Both headers together isolate a page, which gives it shared memory and so threads that work on one volume. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

const built = (file: string): string => fileURLToPath(new URL(`../../dist/${file}`, import.meta.url));

/** The part of the optional package @itk-wasm/dicom that decodes JPEG, JPEG-LS and JPEG 2000. */
const PIPELINE = /^read-image-dicom-file-series\./;

/** Serves the decoder of compressed DICOM beside the page, if its package is installed: it never comes from elsewhere. */
function serveDecoder(): Plugin {
  const folder = fileURLToPath(new URL("../../node_modules/@itk-wasm/dicom/dist/pipelines", import.meta.url));
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => PIPELINE.test(file)) : [];
  return {
    name: "serve-decoder",
    configureServer({ middlewares }) {
      middlewares.use("/pipelines", (request, response, next) => {
        const file = files.find((name) => request.url?.split("?")[0] === `/${name}`);
        if (file === undefined) return next();
        response.setHeader("Content-Type", file.endsWith(".js") ? "text/javascript" : "application/octet-stream");
        createReadStream(join(folder, file)).pipe(response);
      });
    },
    writeBundle({ dir }) {
      if (dir === undefined || files.length === 0) return;
      mkdirSync(join(dir, "pipelines"), { recursive: true });
      for (const file of files) copyFileSync(join(folder, file), join(dir, "pipelines", file));
    },
  };
}

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  plugins: [serveDecoder()],
  // In a project of your own "nnprep" comes from node_modules and this block goes; the next line stays.
  resolve: {
    alias: [
      { find: /^nnprep$/, replacement: built("web.js") },
      { find: /^nnprep\/(\w+)$/, replacement: built("public/$1.js") },
    ],
  },
  optimizeDeps: { exclude: ["nnprep", "onnxruntime-web"] },
  worker: { format: "es" },
  server: { headers: isolation, fs: { allow: ["../.."] } },
  preview: { headers: isolation },
  build: { outDir: "../../build/browser", emptyOutDir: true, target: "es2022", chunkSizeWarningLimit: 4000 },
});
