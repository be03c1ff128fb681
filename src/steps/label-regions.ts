import { boxShape } from "../core/axes.js";
import { NnprepError } from "../core/errors.js";
import type { Box3, Shape3, VoxelArray } from "../core/volume.js";
import { BYTE_LABELS } from "../kernels/label-pairs.js";

/**
 * Labels of any type as bytes, which the kernels work on: arrays of bytes stay as they are, other values get the byte
 * that is next. Label 0 is byte 0 in either case.
 */
export class LabelCoding {
  readonly #bytes: Map<number, number> | null;

  /** @param arrays those that will be encoded; if all hold bytes, nothing needs to be. */
  constructor(...arrays: readonly VoxelArray[]) {
    this.#bytes = arrays.every((array) => array instanceof Uint8Array) ? null : new Map([[0, 0]]);
  }

  /** @throws NnprepError INVALID_VALUES for more than 256 different values in all */
  encode(values: VoxelArray): Uint8Array {
    const bytes = this.#bytes;
    if (bytes === null) return values as Uint8Array;
    const result = new Uint8Array(values.length);
    const n = values.length;
    // Labels come in runs, and most of them are 0, which the result holds already.
    for (let i = 0, end = 0; i < n; i = end) {
      const value = values[i];
      end = i + 1;
      while (end < n && values[end] === value) end++;
      const byte = bytes.get(value) ?? this.#add(bytes, value);
      if (byte !== 0) result.fill(byte, i, end);
    }
    return result;
  }

  #add(bytes: Map<number, number>, value: number): number {
    if (bytes.size === BYTE_LABELS) {
      throw new NnprepError(
        "INVALID_VALUES",
        `more than ${BYTE_LABELS} different values found, among them ${value}: this is no label image`,
        { found: bytes.size + 1, expected: BYTE_LABELS },
      );
    }
    bytes.set(value, bytes.size);
    return bytes.size - 1;
  }

  /** The byte that stands for a label; undefined if the label was not met. */
  byteOf(label: number): number | undefined {
    if (this.#bytes !== null) return this.#bytes.get(label);
    return Number.isInteger(label) && label >= 0 && label < BYTE_LABELS ? label : undefined;
  }

  /** The label that a byte stands for; undefined for a byte that stands for none. */
  labelOf(byte: number): number | undefined {
    if (this.#bytes === null) return byte;
    return [...this.#bytes.keys()][byte];
  }

  /** The bytes of several labels, without those that were not met. */
  bytesOf(labels: readonly number[]): number[] {
    return labels.map((label) => this.byteOf(label)).filter((byte) => byte !== undefined);
  }
}

function joinBoxes(a: Box3, b: Box3): Box3 {
  const join = (axis: 0 | 1 | 2): [number, number] => [
    Math.min(a[axis][0], b[axis][0]),
    Math.max(a[axis][1], b[axis][1]),
  ];
  return [join(0), join(1), join(2)];
}

/** The smallest box that holds all of the boxes; null if there is none. */
export function unionBox(boxes: Iterable<Box3 | null | undefined>): Box3 | null {
  let union: Box3 | null = null;
  for (const box of boxes) if (box != null) union = union === null ? box : joinBoxes(union, box);
  return union;
}

/** A table by byte: 1 for the wanted ones. */
export function byteTable(bytes: readonly number[]): Uint8Array {
  const table = new Uint8Array(BYTE_LABELS);
  for (const byte of bytes) table[byte] = 1;
  return table;
}

/** Calls `visit(from, to, length)` for each row of a box: where it starts in the volume and where in the box. */
export function forEachBoxRow(
  shape: Shape3,
  box: Box3,
  visit: (from: number, to: number, length: number) => void,
): void {
  const [, , length] = boxShape(box);
  let to = 0;
  for (let i = box[0][0]; i < box[0][1]; i++) {
    for (let j = box[1][0]; j < box[1][1]; j++, to += length) {
      visit((i * shape[1] + j) * shape[2] + box[2][0], to, length);
    }
  }
}

/** 1 where `labels` holds a byte of the table inside `box`, else 0; of the box's shape. */
export function markInBox(labels: Uint8Array, shape: Shape3, box: Box3, table: Uint8Array): Uint8Array {
  const [n0, n1, n2] = boxShape(box);
  const mask = new Uint8Array(n0 * n1 * n2);
  forEachBoxRow(shape, box, (from, to, length) => {
    for (let k = 0; k < length; k++) mask[to + k] = table[labels[from + k]];
  });
  return mask;
}
