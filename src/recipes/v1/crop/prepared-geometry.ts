import type { Axes3, Box3, Geometry, Shape3, Vec3 } from "../../../core/volume.js";
import type { CroppedProperties } from "./crop-case.js";

type Placed = Pick<CroppedProperties, "crop_bbox" | "original_spacing" | "itk_origin" | "itk_direction">;

/**
 * Where a prepared case lies in the patient, so that it can be shown or written on the scan. Resampling keeps the outer
 * faces of the cropped box: the spacing is its length over the number of voxels, which is near the target spacing, and
 * the first voxel's centre moves.
 *
 * @param shape of the prepared case, in the network's axes
 * @param axes `transpose_forward` of the plans: axis i of the prepared case is axis `axes[i]` of the scan
 */
export function preparedGeometry(properties: Placed, shape: Shape3, axes: Axes3 = [0, 1, 2]): Geometry {
  const { crop_bbox: box, original_spacing: spacing, itk_origin, itk_direction: direction } = properties;
  const length = (axis: number) => (box as Box3)[axis][1] - (box as Box3)[axis][0];
  const spacingMm = axes.map((axis, i) => (length(axis) * spacing[axis]) / shape[i]) as unknown as Vec3;
  // Columns of the direction are the axes fastest first.
  const column = (axis: number) => [0, 1, 2].map((row) => direction[3 * row + 2 - axis]);
  const origin: [number, number, number] = [...itk_origin];
  for (const [i, axis] of axes.entries()) {
    const shift = (box[axis][0] - 0.5) * spacing[axis] + spacingMm[i] / 2;
    for (const [row, cosine] of column(axis).entries()) origin[row] += cosine * shift;
  }
  const columns = [column(axes[2]), column(axes[1]), column(axes[0])];
  const turned = [0, 1, 2].flatMap((row) => columns.map((c) => c[row]));
  return { spacingMm, originMm: origin, direction: turned as unknown as Geometry["direction"] };
}
