import kernels from "nnprep/kernels.wasm?url";
import { prepare } from "../prepare.mjs";
import { compareThreads } from "./threads.mjs";

/** Shows the hash; with `?wasm` the kernels' bytes are given to `init`; with `?threads` how an engine's threads did. */
const output = document.querySelector("output");
try {
  const given = location.search === "?wasm";
  const hash = await prepare(given ? { wasm: await (await fetch(kernels)).arrayBuffer() } : {});
  output.textContent = location.search === "?threads" ? await compareThreads() : `hash ${hash}`;
} catch (error) {
  output.textContent = `failed: ${error.stack ?? error}`;
}
