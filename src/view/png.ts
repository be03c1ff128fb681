import { encode } from "fast-png";
import type { Picture } from "./picture.js";

/** A picture as the bytes of a PNG file; without an opacity channel where all of it is opaque. */
export function formatPng({ data, width, height }: Picture): Uint8Array<ArrayBuffer> {
  let opaque = true;
  for (let i = 3; i < data.length && opaque; i += 4) opaque = data[i] === 255;
  if (!opaque) return new Uint8Array(encode({ width, height, data, channels: 4, depth: 8 }));
  const colors = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    colors[to++] = data[from] as number;
    colors[to++] = data[from + 1] as number;
    colors[to++] = data[from + 2] as number;
  }
  return new Uint8Array(encode({ width, height, data: colors, channels: 3, depth: 8 }));
}
