import { NnprepError } from "../core/errors.js";

/** A part of a file as a server sends it. */
export interface FilePiece {
  readonly bytes: Uint8Array;
  /** Where it begins: 0 from servers that send whole files whatever is asked for. */
  readonly begin: number;
  /** Size of the whole file; null where that is not told. */
  readonly total: number | null;
  /** Changes with the file; null where nothing tells. */
  readonly version: string | null;
}

/**
 * A whole file from a place that gives pieces: each is asked for again alone when it does not arrive.
 * @param name for messages
 * @throws NnprepError CORRUPT_FILE if the file becomes another one meanwhile, OUT_OF_MEMORY
 */
export async function readInPieces(
  name: string,
  pieceBytes: number,
  readPiece: (begin: number, end: number) => Promise<FilePiece>,
): Promise<Uint8Array> {
  const first = await readPiece(0, pieceBytes);
  const { total, version } = first;
  if (total === first.bytes.length) return first.bytes;
  const pieces = [first.bytes];
  let at = first.bytes.length;
  while (total === null || at < total) {
    const piece = await readPiece(at, Math.min(at + pieceBytes, total ?? Number.POSITIVE_INFINITY));
    const isOther = piece.begin !== at || piece.version !== version || (total !== null && piece.total !== total);
    // Without a size the end is where nothing more begins.
    if (total === null && piece.bytes.length === 0) break;
    if (isOther || piece.bytes.length === 0) throw changed(name);
    pieces.push(piece.bytes);
    at += piece.bytes.length;
    if (total === null && piece.total === at) break;
  }
  return joined(name, pieces, at);
}

function joined(name: string, pieces: Uint8Array[], length: number): Uint8Array {
  try {
    const whole = new Uint8Array(length);
    let at = 0;
    // A piece is given up as soon as it is copied.
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new NnprepError("OUT_OF_MEMORY", `${name}: no memory for ${length} bytes (${error.message})`, { file: name });
  }
}

function changed(name: string): NnprepError {
  return new NnprepError(
    "CORRUPT_FILE",
    `${name}: its size or version changed while it was read; run again when nobody writes it`,
    { file: name },
  );
}
