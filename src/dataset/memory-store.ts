import { NnprepError } from "../core/errors.js";
import type { FileContent, Store } from "./store.js";

/** Files that live in memory: for a browser, and for tests. Bytes are kept as given, not copied. */
export class MemoryStore implements Store {
  readonly #files: Map<string, Uint8Array>;

  /** @param files path (with "/" between its parts) to bytes. @param name what messages call the store. */
  constructor(
    files: Iterable<readonly [string, Uint8Array]> = [],
    readonly name = "memory",
  ) {
    this.#files = new Map(files);
  }

  location(path: string): string {
    return `${this.name}/${path}`;
  }

  async read(path: string): Promise<Uint8Array> {
    const bytes = this.#files.get(path);
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
      this.#files.set(path, bytes);
      return;
    }
    const pieces: BlobPart[] = [];
    for await (const piece of bytes) pieces.push(piece as BlobPart);
    this.#files.set(path, new Uint8Array(await new Blob(pieces).arrayBuffer()));
  }

  async exists(path: string): Promise<boolean> {
    return this.#files.has(path);
  }

  async list(folder = ""): Promise<string[]> {
    const prefix = folder === "" ? "" : `${folder}/`;
    const names = [...this.#files.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
      .map((path) => path.slice(prefix.length));
    return names.sort();
  }

  async remove(path: string): Promise<void> {
    this.#files.delete(path);
  }
}
