import { NnprepError } from "../core/errors.js";

const MAGIC = [0x00, 0x61, 0x73, 0x6d];

/** The file, or undefined where there is none; some development servers give a page of their own instead. */
async function fetchKernels(url: URL): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const response = await fetch(url).catch(() => undefined);
  if (response?.ok !== true) return undefined;
  const bytes = new Uint8Array(await response.arrayBuffer());
  return MAGIC.every((byte, i) => bytes[i] === byte) ? bytes : undefined;
}

async function kernelsFromText(): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const text = await import("./kernels-text.js").then(({ KERNELS_BASE64 }) => KERNELS_BASE64).catch(() => "");
  return text === "" ? undefined : Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/**
 * True where a bundler has moved this module without the file: the address is still the one that is written here, but
 * this is not where the module belongs.
 */
function isLost(url: URL): boolean {
  // In two steps, so that no bundler sees this one.
  const here = import.meta.url;
  const written = new URL("../kernels.wasm", here);
  return url.href === written.href && !/\/runtime\/wasm-web\.[jt]s$/.test(new URL(here).pathname);
}

/**
 * Bytes of the kernels, fetched from beside this module: bundlers that see the `new URL` ship the file. Others (esbuild,
 * Vite's development server, which bundles packages beforehand) lose it, but have the module with the same bytes as text;
 * asking for the file would leave a failed request in the page's log.
 */
export async function loadKernelBytes(): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL("../kernels.wasm", import.meta.url);
  const ways = [() => fetchKernels(url), kernelsFromText];
  for (const way of isLost(url) ? ways.reverse() : ways) {
    const bytes = await way();
    if (bytes !== undefined) return bytes;
  }
  throw new NnprepError(
    "FILE_NOT_FOUND",
    `kernels.wasm could not be fetched from ${url}; serve the file from there or call init({ wasm }) with its bytes`,
    { url: String(url) },
  );
}
