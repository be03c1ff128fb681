import type { Store } from "./store.js";

/** What is needed of a store to read files out of it. */
export type FileSource = Pick<Store, "location" | "byteLength" | "read">;

/**
 * Files that are read twice in a row, for their digest and for what they hold, come from the store once: the bytes of the
 * first reading are kept for the second, and then given up.
 */
export function readingOnce(store: FileSource): FileSource {
  const kept = new Map<string, Promise<Uint8Array>>();
  return {
    location: (path) => store.location(path),
    byteLength: (path) => store.byteLength(path),
    read: (path) => {
      const earlier = kept.get(path);
      if (earlier !== undefined) {
        kept.delete(path);
        return earlier;
      }
      const bytes = store.read(path);
      kept.set(path, bytes);
      return bytes;
    },
  };
}
