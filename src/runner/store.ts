/** The bytes of a file: whole, in pieces, or in pieces that are made while it is written. */
export type FileContent = Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** Where files are read and written: a folder or memory. Paths are relative, with "/" between their parts. */
export interface Store {
  /** What messages and documents call a file: an absolute path for a folder. */
  location(path: string): string;
  /** @throws NnprepError FILE_NOT_FOUND */
  read(path: string): Promise<Uint8Array>;
  /** The first bytes of a file, or all if there are fewer. @throws NnprepError FILE_NOT_FOUND */
  readHead(path: string, byteLength: number): Promise<Uint8Array>;
  /**
   * Writes a whole file, given in one or several pieces, perhaps while they are made, or nothing: the final name never holds half a file.
   * @throws NnprepError CANNOT_WRITE
   */
  write(path: string, bytes: FileContent): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Size of a file; null if there is no such file. */
  byteLength(path: string): Promise<number | null>;
  /** Names of the files directly in a folder ("" for the root), sorted; none when there is no such folder. */
  list(folder?: string): Promise<string[]>;
  /** Removes a file if it is there. */
  remove(path: string): Promise<void>;
}
