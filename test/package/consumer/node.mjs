import { readFileSync } from "node:fs";
import { prepare } from "./prepare.mjs";

/** `node node.mjs [wasm]`: prints the hash; with `wasm` the kernels' bytes are given to `init`. */
const wasm = readFileSync(new URL(import.meta.resolve("nnprep/kernels.wasm")));
console.log(await prepare(process.argv[2] === "wasm" ? { wasm } : {}));
