import { pairwiseMean } from "../core/mean.js";
import { percentile } from "../core/numeric.js";
import { checkLength, type Shape3, type Vec3 } from "../core/volume.js";
import { distancesToFeatures, surfaceVoxels } from "../kernels/distance.js";

/** Distances in mm from every surface voxel of one object to the nearest surface voxel of the other, C order. */
export interface SurfaceDistances {
  readonly fromPrediction: Float64Array;
  readonly fromReference: Float64Array;
}

/** Two objects on one grid. */
interface Masks {
  readonly prediction: Uint8Array;
  readonly reference: Uint8Array;
}

/**
 * Distances between the surfaces of two objects, which may not be empty. A surface voxel has a neighbour across a face
 * that is not in the object or lies outside the volume; distances run between centres of voxels. The same distances as
 * MedPy 0.5.2 (connectivity 1) and so as nnU-Net 1.7.1.
 *
 * @param masks 0 or 1, C order
 * @param spacingMm slowest axis first
 * @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT if one is empty
 */
export function surfaceDistances({ prediction, reference }: Masks, shape: Shape3, spacingMm: Vec3): SurfaceDistances {
  checkLength("prediction", prediction, shape);
  checkLength("reference", reference, shape);
  const ofPrediction = surfaceVoxels(prediction, shape);
  const ofReference = surfaceVoxels(reference, shape);
  return {
    fromPrediction: distancesToFeatures(ofReference, ofPrediction, shape, spacingMm),
    fromReference: distancesToFeatures(ofPrediction, ofReference, shape, spacingMm),
  };
}

/** `medpy.metric.binary.hd`: the largest of all distances. */
export function hausdorffDistance(distances: SurfaceDistances): number {
  let largest = 0;
  for (const values of [distances.fromPrediction, distances.fromReference]) {
    for (const value of values) if (value > largest) largest = value;
  }
  return largest;
}

function joined(first: Float64Array, second: Float64Array): Float64Array {
  const all = new Float64Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** `medpy.metric.binary.hd95`: the 95th percentile of the distances of both directions together. */
export function hausdorffDistance95({ fromPrediction, fromReference }: SurfaceDistances): number {
  return percentile(joined(fromPrediction, fromReference), 95);
}

/** `medpy.metric.binary.asd(prediction, reference)`: mean distance from the prediction's surface to the reference's. */
export function averageSurfaceDistance({ fromPrediction }: SurfaceDistances): number {
  return pairwiseMean(fromPrediction);
}

/** `medpy.metric.binary.assd` (0.5.2): mean of the distances of both directions together. */
export function averageSymmetricSurfaceDistance({ fromPrediction, fromReference }: SurfaceDistances): number {
  return pairwiseMean(joined(fromPrediction, fromReference));
}

/**
 * Share of the surfaces that lies within `toleranceMm` of the other surface, as nnU-Net 1.7.1 defines it
 * (`nnunet.evaluation.surface_dice.normalized_surface_dice`): both surfaces count alike, whatever their size, and
 * every surface voxel counts alike. Implementations that weigh voxels by their area of surface give other numbers.
 */
export function normalizedSurfaceDice(
  { fromPrediction, fromReference }: SurfaceDistances,
  toleranceMm: number,
): number {
  const share = (values: Float64Array, within: boolean): number => {
    let count = 0;
    for (const value of values) if (value <= toleranceMm === within) count++;
    return count / values.length;
  };
  const near = share(fromPrediction, true) + share(fromReference, true);
  return near / (near + share(fromPrediction, false) + share(fromReference, false) + 1e-8);
}
