import { NnprepError } from "../core/errors.js";

/** Bytes of the kernels, fetched from beside this module. Bundlers see the `new URL` and ship the file. */
export async function loadKernelBytes(): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL("../kernels.wasm", import.meta.url);
  const response = await fetch(url);
  if (!response.ok) {
    throw new NnprepError(
      "FILE_NOT_FOUND",
      `kernels.wasm could not be fetched from ${url} (HTTP ${response.status}); serve the file from there or call init({ wasm }) with its bytes`,
      { url: String(url), status: response.status },
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}
