import type { Shape3 } from "../core/volume.js";
import { gzipChunks, IMAGE_LEVEL } from "./gzip.js";
import { joinParts } from "./gzip-members.js";
import { nearestOrthogonal, voxelSizes } from "./nibabel-affine.js";
import { quaternionOfRotation } from "./nifti-orthogonal.js";
import { checkAxisLengths, datatypeOf, HEADER_LENGTH, VOXEL_OFFSET } from "./nifti-writer.js";

/** NIfTI's code for "aligned with another image", which nibabel gives to an sform it was handed. */
const ALIGNED = 2;

/**
 * Writes a volume as `nibabel.save(Nifti1Image(data, affine))` of nibabel 5.4 does: the affine as sform with code 2, a
 * qform with code 0, no units.
 *
 * @param shape slowest axis first. @param affine row-major 4x4, from voxels (x, y, z) to RAS
 * @throws NnprepError UNSUPPORTED for an axis of more than 32767 voxels
 */
export async function formatNibabel(
  data: Uint8Array | Uint16Array,
  shape: Shape3,
  affine: readonly number[],
  gzip: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  checkAxisLengths(shape);
  const header = new Uint8Array(VOXEL_OFFSET);
  const view = new DataView(header.buffer);
  const floats = (at: number, values: readonly number[]) => {
    for (const [i, value] of values.entries()) view.setFloat32(at + 4 * i, value, true);
  };
  const { quatern, qfac } = quaternionOfRotation(nearestOrthogonal(affine));
  view.setInt32(0, HEADER_LENGTH, true);
  for (const [i, n] of [3, shape[2], shape[1], shape[0], 1, 1, 1, 1].entries()) view.setInt16(40 + 2 * i, n, true);
  view.setInt16(70, datatypeOf(data), true);
  view.setInt16(72, 8 * data.BYTES_PER_ELEMENT, true);
  floats(76, [qfac, ...voxelSizes(affine), 1, 1, 1, 1]);
  floats(108, [VOXEL_OFFSET, 1, 0]); // vox_offset, scl_slope, scl_inter
  view.setInt16(254, ALIGNED, true);
  floats(256, [...quatern, affine[3], affine[7], affine[11]]);
  floats(280, affine.slice(0, 12));
  header.set([0x6e, 0x2b, 0x31, 0], 344); // "n+1"
  const pieces = [header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
  return gzip ? gzipChunks(pieces, IMAGE_LEVEL) : joinParts(pieces, VOXEL_OFFSET + data.byteLength);
}
