import { readFile } from "node:fs/promises";

/** Bytes of the kernels, read from the package's own folder. */
export async function loadKernelBytes(): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(new URL("../kernels.wasm", import.meta.url)));
}
