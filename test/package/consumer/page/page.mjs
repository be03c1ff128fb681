import kernels from "nnprep/kernels.wasm?url";
import { prepare } from "../prepare.mjs";

/** Shows the hash; with `?wasm` the kernels' bytes are given to `init`. */
const output = document.querySelector("output");
try {
  const given = location.search === "?wasm";
  const hash = await prepare(given ? { wasm: await (await fetch(kernels)).arrayBuffer() } : {});
  output.textContent = `hash ${hash}`;
} catch (error) {
  output.textContent = `failed: ${error.stack ?? error}`;
}
