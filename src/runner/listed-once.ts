import type { FileContent, Store } from "./store.js";

/**
 * A store whose folders are listed once: for what nobody writes while it is read. All stages of a run have the same cases
 * then, and thousands of files on a busy server, or in a bucket that charges for it, are asked for once.
 */
export class ListedOnce implements Store {
  readonly #store: Store;
  readonly #lists = new Map<string, Promise<string[]>>();

  constructor(store: Store) {
    this.#store = store;
  }

  async list(folder = ""): Promise<string[]> {
    const known = this.#lists.get(folder) ?? this.#store.list(folder);
    this.#lists.set(folder, known);
    return [...(await known)];
  }

  location(path: string): string {
    return this.#store.location(path);
  }

  read(path: string): Promise<Uint8Array> {
    return this.#store.read(path);
  }

  readHead(path: string, byteLength: number): Promise<Uint8Array> {
    return this.#store.readHead(path, byteLength);
  }

  write(path: string, bytes: FileContent): Promise<void> {
    return this.#store.write(path, bytes);
  }

  exists(path: string): Promise<boolean> {
    return this.#store.exists(path);
  }

  byteLength(path: string): Promise<number | null> {
    return this.#store.byteLength(path);
  }

  remove(path: string): Promise<void> {
    return this.#store.remove(path);
  }
}
