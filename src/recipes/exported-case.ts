import type { Shape3 } from "../core/volume.js";

/** What became of a case that was exported; `W` are the warnings of a generation. */
export interface ExportedCaseOf<W> {
  readonly classes: number;
  /** Voxels per axis of what was exported, and of the scan. */
  readonly shapeBefore: Shape3;
  readonly shapeAfter: Shape3;
  readonly precision: "float32" | "float16";
  /** Labels that occur, ascending. */
  readonly labels: readonly number[];
  readonly warnings: readonly W[];
}

/** Labels that occur, ascending. */
export function labelsOf(data: Uint8Array | Uint16Array): number[] {
  const found = new Uint8Array(1 << 16);
  for (let i = 0; i < data.length; i++) found[data[i]] = 1;
  return Array.from(found.keys()).filter((label) => found[label] === 1);
}
