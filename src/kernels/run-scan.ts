import type { Shape3 } from "../core/volume.js";
import type { Window } from "../runtime/window.js";

const NODE_BYTES = 8;

/** Addresses that a kernel needs to enter one slice; those of the previous slice are 0 for the first. */
export interface SliceAddresses {
  readonly mask: number;
  readonly runs: number;
  readonly rowEnds: number;
  readonly previousRuns: number;
  readonly previousEnds: number;
  readonly nodes: number;
  readonly previousId: number;
}

/** What a scan leaves in the window for the passes after it. */
export interface RunScan {
  /** Node ids of slice `s` are `[firstIds[s], firstIds[s + 1])`. */
  readonly firstIds: Float64Array;
  readonly mask: number;
  /** Room for the runs of a slice. */
  readonly runs: number;
  readonly nodes: number;
  /** Reserves more buffers and leaves the above where they are; views taken before are lost. */
  readonly reserveMore: (...byteLengths: number[]) => number[];
}

/**
 * Brings a mask slice by slice into the window and lets `enter` append its runs as nodes (8 bytes each) of a
 * union-find; only the runs of two slices are held. `enter` gets the first free id and returns the next one.
 */
export function scanRuns(
  window: Window,
  mask: Uint8Array,
  shape: Shape3,
  firstId: number,
  enter: (slice: number, firstId: number, addresses: SliceAddresses) => number,
): RunScan {
  const [slices, rows, length] = shape;
  const voxels = rows * length;
  const mostRuns = rows * Math.ceil(length / 2);
  const runBytes = 4 * (2 * mostRuns + 2);
  const endBytes = 4 * (rows + 1);
  const firstIds = new Float64Array(slices + 1);
  let capacity = 0;
  let next = firstId;
  let previousId = 0;
  let lengths: number[] = [];
  let addresses: number[] = [];
  for (let slice = 0; slice < slices; slice++) {
    if (next + mostRuns > capacity) {
      capacity = next + Math.max(mostRuns, Math.min(next >> 1, 1 << 20));
      // The nodes come last, so that reserving again leaves everything where it is.
      lengths = [voxels, runBytes, endBytes, runBytes, endBytes, capacity * NODE_BYTES];
      addresses = window.reserve(...lengths);
    }
    const [maskAt, runsA, endsA, runsB, endsB, nodes] = addresses as [number, number, number, number, number, number];
    const even = slice % 2 === 0;
    window.u8(maskAt, voxels).set(mask.subarray(slice * voxels, (slice + 1) * voxels));
    firstIds[slice] = next;
    const after = enter(slice, next, {
      mask: maskAt,
      runs: even ? runsA : runsB,
      rowEnds: even ? endsA : endsB,
      previousRuns: slice === 0 ? 0 : even ? runsB : runsA,
      previousEnds: slice === 0 ? 0 : even ? endsB : endsA,
      nodes,
      previousId,
    });
    previousId = next;
    next = after;
  }
  firstIds[slices] = next;
  const [maskAt, runs, , , , nodes] = addresses as [number, number, number, number, number, number];
  const reserveMore = (...more: number[]): number[] => window.reserve(...lengths, ...more).slice(lengths.length);
  return { firstIds, mask: maskAt, runs, nodes, reserveMore };
}
