/** Serves the suite as one file to a browser, and takes what it posts back. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const PAGE = `<!doctype html><meta charset="utf-8"><title>determinism</title><script type="module">
import { runSuite } from "/suite/suite.js";
const answer = await runSuite(new URL("/suite/engine-worker.js", location.href).href).catch((error) => ({
  failed: String(error?.stack ?? error),
}));
await fetch("/result", { method: "POST", body: JSON.stringify(answer) });
</script>`;

async function bundle(path) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(path, import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "browser",
    external: ["@itk-wasm/dicom", "onnxruntime-web", "onnxruntime-web/*"],
    logLevel: "warning",
  });
  return outputFiles[0].contents;
}

/** @returns the page's address, what it answers, and how to end */
export async function serveSuite(timeLimitMs) {
  const files = new Map([
    ["/", ["text/html", PAGE]],
    ["/suite/suite.js", ["text/javascript", await bundle("suite.mjs")]],
    ["/suite/engine-worker.js", ["text/javascript", await bundle("../../dist/steps/engine-worker.js")]],
    // From beside the module, as in the package.
    ["/kernels.wasm", ["application/wasm", readFileSync(new URL("../../dist/kernels.wasm", import.meta.url))]],
  ]);
  let resolve;
  let reject;
  const result = new Promise((...both) => {
    [resolve, reject] = both;
  });
  const server = createServer(async (request, response) => {
    if (request.method === "POST") {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      const answer = JSON.parse(Buffer.concat(pieces).toString());
      response.end();
      if (answer.failed === undefined) resolve(answer);
      else reject(new Error(answer.failed));
      return;
    }
    const [type, content] = files.get(request.url) ?? [];
    if (type === undefined) return response.writeHead(404).end();
    response.writeHead(200, {
      "content-type": type,
      // Without them a page has no shared memory.
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    });
    response.end(content);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeLimitMs / 1000} s`)), timeLimitMs);
  const close = () => {
    clearTimeout(timer);
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, result, close };
}
