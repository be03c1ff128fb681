import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { bytesOf, dtypeName, formatNpyHeader, parseNpy } from "../src/io/npy.js";
import type { Numbers } from "./row.js";

/** Most bytes of one write: more than 2 GiB at once is refused. */
const PIECE = 1 << 30;

export function writeArray(path: string, data: Numbers, shape: readonly number[]): void {
  const file = openSync(path, "w");
  writeSync(file, formatNpyHeader(dtypeName(data), shape));
  const bytes = bytesOf(data);
  for (let at = 0; at < bytes.length; at += PIECE) writeSync(file, bytes.subarray(at, at + PIECE));
  closeSync(file);
}

export function readArray(path: string): Numbers {
  const bytes = readFileSync(path);
  return parseNpy(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)).data as Numbers;
}
