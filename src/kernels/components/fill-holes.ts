import { checkLength, type Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import { copierOf } from "../tile.js";
import { scanRuns } from "./run-scan.js";

interface FillHolesExports {
  enterBackground(
    mask: number,
    rows: number,
    length: number,
    open: boolean,
    runs: number,
    block: number,
    previous: number,
    nodes: number,
    firstId: number,
  ): number;
  resolveHoles(nodes: number, from: number, to: number): number;
  paintHoles(mask: number, length: number, nodes: number, from: number, to: number): void;
}

/** Above this share of hole runs among a slice's voxels the slice goes through the window again. */
const FEW = 1 / 64;

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
  const [slices, rows, length] = shape;
  if (slices < 3 || rows < 3 || length < 3) {
    if (destination !== mask) destination.set(mask);
    return destination;
  }
  const voxels = rows * length;
  const { exports, window } = kernels<FillHolesExports>();
  const { firstIds, ...at } = scanRuns(window, mask, shape, 1, 0, (slice, firstId, to) => {
    if (destination !== mask) copierOf(window.u8(to.mask, voxels))(destination, slice * voxels, voxels);
    const open = slice === 0 || slice === slices - 1;
    if (slice === 0) window.u32(to.nodes, 2).fill(0);
    const { runs, block, previous, nodes } = to;
    const next = exports.enterBackground(to.mask, rows, length, open, runs, block, previous, nodes, firstId);
    return next >>> 0;
  });
  for (let slice = 0; slice < slices; slice++) {
    const from = firstIds[slice];
    const to = firstIds[slice + 1];
    const holes = exports.resolveHoles(at.nodes, from, to);
    if (holes === 0) continue;
    const part = destination.subarray(slice * voxels, (slice + 1) * voxels);
    if (holes < FEW * voxels) {
      paintFew(part, length, window.u32(at.nodes + 8 * from, 2 * (to - from)));
    } else {
      const view = window.u8(at.mask, voxels);
      view.set(part);
      exports.paintHoles(at.mask, length, at.nodes, from, to);
      part.set(view);
    }
  }
  return destination;
}

/** Sets the holes of one slice to 1 where it lies. `nodes` holds pairs of parent and start. */
function paintFew(slice: Uint8Array, length: number, nodes: Uint32Array): void {
  for (let node = 0; node < nodes.length; node += 2) {
    if (nodes[node] === 0) continue;
    let voxel = nodes[node + 1];
    const rowEnd = (Math.floor(voxel / length) + 1) * length;
    do slice[voxel++] = 1;
    while (voxel < rowEnd && slice[voxel] === 0);
  }
}
