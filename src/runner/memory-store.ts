import { NnprepError } from "../core/errors.js";
import type { FileContent, Store } from "./store.js";

/** Files that live in memory: for a browser, and for tests. Bytes are kept as given, not copied. */
export class MemoryStore implements Store {
  #files: Map<string, Uint8Array>;
  /** Begin of the paths of all files that this store sees. */
  #prefix = "";

  /** @param files path (with "/" between its parts) to bytes. @param name what messages call the store. */
  constructor(
    files: Iterable<readonly [string, Uint8Array]> = [],
    readonly name = "memory",
  ) {
    this.#files = new Map(files);
  }

  /** The same files, seen from one of their folders. */
  below(folder: string): MemoryStore {
    const store = new MemoryStore([], this.location(folder));
    store.#files = this.#files;
    store.#prefix = `${this.#prefix}${folder}/`;
    return store;
  }

  location(path: string): string {
    return path === "" ? this.name : `${this.name}/${path}`;
  }

  async read(path: string): Promise<Uint8Array> {
    const bytes = this.#files.get(this.#prefix + path);
    if (bytes === undefined) {
      const file = this.location(path);
      throw new NnprepError("FILE_NOT_FOUND", `${file}: no such file`, { file });
    }
    return bytes;
  }

  async readHead(path: string, byteLength: number): Promise<Uint8Array> {
    return (await this.read(path)).subarray(0, byteLength);
  }

  async write(path: string, bytes: FileContent): Promise<void> {
    if (bytes instanceof Uint8Array) {
      this.#files.set(this.#prefix + path, bytes);
      return;
    }
    const pieces: BlobPart[] = [];
    for await (const piece of bytes) pieces.push(piece as BlobPart);
    this.#files.set(this.#prefix + path, new Uint8Array(await new Blob(pieces).arrayBuffer()));
  }

  async exists(path: string): Promise<boolean> {
    return this.#files.has(this.#prefix + path);
  }

  async byteLength(path: string): Promise<number | null> {
    return this.#files.get(this.#prefix + path)?.byteLength ?? null;
  }

  async list(folder = ""): Promise<string[]> {
    const prefix = this.#prefix + (folder === "" ? "" : `${folder}/`);
    const names = [...this.#files.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
      .map((path) => path.slice(prefix.length));
    return names.sort();
  }

  async remove(path: string): Promise<void> {
    this.#files.delete(this.#prefix + path);
  }
}
