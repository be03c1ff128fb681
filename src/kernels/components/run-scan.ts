import type { Shape3 } from "../../core/volume.js";
import type { Reserved, Window } from "../../runtime/window.js";

const NODE_BYTES = 8;

/** Words of 8 bytes that the uniting of two rows needs room for. */
const MEETINGS = 64;
/** Parts of a slice's block, each as long as the words of the slice. */
const BLOCK_PARTS = 4;

type Addresses = [number, number, number, number, number, number];

/** Bytes of a row of `length` voxels, one bit each in words of 64. */
export function wordBytes(length: number): number {
  return 8 * Math.ceil(length / 64);
}

/** Addresses that a kernel needs to enter one slice; `previous` is 0 for the first. */
export interface SliceAddresses {
  readonly mask: number;
  /** Room for the runs of a row. */
  readonly runs: number;
  readonly block: number;
  /** The block of the slice before. */
  readonly previous: number;
  readonly words: number;
  readonly nodes: number;
}

/** What a scan leaves in the window for the passes after it. */
export interface RunScan {
  /** Node ids of slice `s` are `[firstIds[s], firstIds[s + 1])`. */
  readonly firstIds: Float64Array;
  readonly mask: number;
  /** Room for the runs of a row. */
  readonly runs: number;
  /** Room for the block of a slice. */
  readonly block: number;
  /** Where the words of a slice are, or where there is room for them. */
  readonly wordsOf: (slice: number) => number;
  /** The words of all slices are still there. */
  readonly kept: boolean;
  readonly nodes: number;
  /** Reserves more buffers and leaves the above where they are; views taken before are lost. */
  readonly reserveMore: <const T extends readonly number[]>(...byteLengths: T) => Reserved<T>;
}

/**
 * Brings a mask slice by slice into the window and lets `enter` append its runs as nodes (8 bytes each) of a
 * union-find. There is room in the window for the words of all slices if they take `mostKept` bytes at most, otherwise for
 * those of one. `enter` gets the first free id and returns the next one.
 */
export function scanRuns(
  window: Window,
  mask: Uint8Array,
  shape: Shape3,
  firstId: number,
  mostKept: number,
  enter: (slice: number, firstId: number, addresses: SliceAddresses) => number,
): RunScan {
  const [slices, rows, length] = shape;
  const voxels = rows * length;
  const mostRuns = rows * Math.ceil(length / 2);
  const runBytes = Math.max(4 * (length + 4), 8 * MEETINGS);
  const bytes = rows * wordBytes(length);
  const kept = slices * bytes <= mostKept;
  const firstIds = new Float64Array(slices + 1);
  const wordsOf = (words: number, slice: number): number => words + (kept ? slice * bytes : 0);
  let capacity = 0;
  let next = firstId;
  let lengths: number[] = [];
  let addresses: number[] = [];
  for (let slice = 0; slice < slices; slice++) {
    if (next + mostRuns > capacity) {
      capacity = next + Math.max(mostRuns, Math.min(next >> 1, 1 << 20));
      const block = BLOCK_PARTS * bytes;
      // The nodes come last, so that reserving again leaves everything where it is.
      lengths = [voxels, runBytes, block, block, (kept ? slices : 1) * bytes, capacity * NODE_BYTES];
      addresses = window.reserve(...lengths);
    }
    const [maskAt, runs, even, odd, words, nodes] = addresses as Addresses;
    const [block, other] = slice % 2 === 0 ? [even, odd] : [odd, even];
    window.u8(maskAt, voxels).set(mask.subarray(slice * voxels, (slice + 1) * voxels));
    firstIds[slice] = next;
    next = enter(slice, next, {
      mask: maskAt,
      runs,
      block,
      previous: slice === 0 ? 0 : other,
      words: wordsOf(words, slice),
      nodes,
    });
  }
  firstIds[slices] = next;
  const [maskAt, runs, block, , words, nodes] = addresses as Addresses;
  const reserveMore = <const T extends readonly number[]>(...more: T) =>
    window.reserve(...lengths, ...more).slice(lengths.length) as Reserved<T>;
  return { firstIds, mask: maskAt, runs, block, wordsOf: (slice) => wordsOf(words, slice), kept, nodes, reserveMore };
}
