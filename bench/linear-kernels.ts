import { type Shape3, voxelCount } from "../src/core/volume.js";
import { fillHoles } from "../src/kernels/components/fill-holes.js";
import { labelComponents } from "../src/kernels/components/label.js";
import { resizeCubicFast } from "../src/kernels/cubic/fast.js";
import { resizeCubic } from "../src/kernels/cubic/resize.js";
import { resizeLabels } from "../src/kernels/linear-labels.js";
import { resizeNearest } from "../src/kernels/nearest.js";
import { clipAndScale } from "../src/kernels/normalize.js";
import { meanAndStdFloat32 } from "../src/kernels/pairwise.js";
import { percentiles } from "../src/kernels/select.js";
import { labelMap, largeMask, largeScan } from "./data.js";

/** A kernel and the arrays to run it on. */
export interface Kernel {
  /** Bytes per voxel of the result that all arrays together take. */
  readonly bytesPerVoxel: number;
  /** Makes the arrays for a cube and returns what to measure. */
  readonly prepare: (shape: Shape3) => () => number;
}

/** What a cube is made from when it is resampled to 5/4. */
function smaller(shape: Shape3): Shape3 {
  return shape.map((n) => (n * 4) / 5) as unknown as Shape3;
}

type Resize = (data: Float32Array, shape: Shape3, newShape: Shape3, output: Float32Array) => Float32Array;

function resize(kernel: Resize, bytesPerVoxel: number): Kernel {
  return {
    bytesPerVoxel,
    prepare: (shape) => {
      const data = largeScan(smaller(shape), 1);
      const output = new Float32Array(voxelCount(shape));
      return () => kernel(data, smaller(shape), shape, output)[output.length >> 1];
    },
  };
}

export const KERNELS: Readonly<Record<string, Kernel>> = {
  "cubic-exact": resize(resizeCubic, 12.5),
  "cubic-fast": resize(resizeCubicFast, 6.1),
  labels: {
    bytesPerVoxel: 3.1,
    prepare: (shape) => {
      const label = labelMap(smaller(shape), 5, 2);
      const output = new Int16Array(voxelCount(shape));
      return () => resizeLabels(label, smaller(shape), shape, "threshold", false, output)[output.length >> 1];
    },
  },
  "nearest-float32": {
    bytesPerVoxel: 6.1,
    prepare: (shape) => {
      const data = largeScan(smaller(shape), 3);
      const output = new Float32Array(voxelCount(shape));
      return () => resizeNearest(data, smaller(shape), shape, output)[output.length >> 1];
    },
  },
  "fill-holes": {
    bytesPerVoxel: 2.2,
    prepare: (shape) => {
      const mask = largeMask(shape);
      const output = new Uint8Array(mask.length);
      return () => fillHoles(mask, shape, output)[output.length >> 1];
    },
  },
  "components-6": {
    bytesPerVoxel: 5.2,
    prepare: (shape) => {
      const mask = largeMask(shape);
      const output = new Int32Array(mask.length);
      return () => labelComponents(mask, shape, 6, output).count;
    },
  },
  "mean-std": {
    bytesPerVoxel: 4,
    prepare: (shape) => {
      const data = largeScan(shape, 4);
      return () => meanAndStdFloat32(data).std;
    },
  },
  "clip-zscore": {
    bytesPerVoxel: 8,
    prepare: (shape) => {
      const data = largeScan(shape, 5);
      const output = new Float32Array(data.length);
      const scaling = { low: 100, high: 900, mean: 500, sd: 200 };
      return () => clipAndScale(data, scaling, null, output)[output.length >> 1];
    },
  },
  percentiles: {
    bytesPerVoxel: 4,
    prepare: (shape) => {
      const data = largeScan(shape, 6);
      return () => percentiles(data, [0.5, 99.5])[0];
    },
  },
};
