import { checkLength, type Shape3 } from "../core/volume.js";
import { kernels } from "../runtime/instantiate.js";
import { scanRuns } from "./run-scan.js";

interface FillHolesExports {
  enterBackground(
    mask: number,
    rows: number,
    length: number,
    open: boolean,
    runs: number,
    rowEnds: number,
    previousRuns: number,
    previousEnds: number,
    nodes: number,
    firstId: number,
    previousId: number,
  ): number;
  resolveHoles(nodes: number, from: number, to: number): number;
  paintHoles(mask: number, rows: number, length: number, runs: number, nodes: number, id: number): void;
}

/**
 * Sets every voxel that cannot reach the outside of the volume over faces of unset voxels, as
 * `scipy.ndimage.binary_fill_holes` does. An axis shorter than 3 leaves no room for a hole.
 *
 * @param mask 0 = unset, anything else = set; C order
 * @param destination where the result goes, set voxels as they were and filled ones 1; `mask` itself fills in place
 * @throws NnprepError SHAPE_MISMATCH, OUT_OF_MEMORY
 */
export function fillHoles(
  mask: Uint8Array,
  shape: Shape3,
  destination: Uint8Array = new Uint8Array(mask.length),
): Uint8Array {
  checkLength("mask", mask, shape);
  checkLength("destination", destination, shape);
  if (destination !== mask) destination.set(mask);
  const [slices, rows, length] = shape;
  if (slices < 3 || rows < 3 || length < 3) return destination;
  const { exports, window } = kernels<FillHolesExports>();
  const { firstIds, ...at } = scanRuns(window, mask, shape, 1, (slice, firstId, to) => {
    const open = slice === 0 || slice === slices - 1;
    const { mask, runs, rowEnds, previousRuns, previousEnds, nodes, previousId } = to;
    if (slice === 0) window.u32(nodes, 2).fill(0);
    const next = exports.enterBackground(
      mask,
      rows,
      length,
      open,
      runs,
      rowEnds,
      previousRuns,
      previousEnds,
      nodes,
      firstId,
      previousId,
    );
    return next >>> 0;
  });
  const voxels = rows * length;
  for (let slice = 0; slice < slices; slice++) {
    const firstId = firstIds[slice] as number;
    if (exports.resolveHoles(at.nodes, firstId, firstIds[slice + 1] as number) === 0) continue;
    const part = destination.subarray(slice * voxels, (slice + 1) * voxels);
    const view = window.u8(at.mask, voxels);
    view.set(part);
    exports.paintHoles(at.mask, rows, length, at.runs, at.nodes, firstId);
    part.set(view);
  }
  return destination;
}
