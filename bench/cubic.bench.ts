import { type Shape3, voxelCount } from "../src/core/volume.js";
import { resizeCubicFast } from "../src/kernels/cubic/fast.js";
import { resizeCubic } from "../src/kernels/cubic/resize.js";
import { resizeCubicSlices } from "../src/kernels/cubic/slices.js";
import { resizeNearest } from "../src/kernels/nearest.js";
import { ctScan, mrScan } from "./data.js";
import { exactAnd, type Input, PEER, type Row, type Scale, sizeText, type Target } from "./row.js";

type Resize = (data: Float32Array, shape: Shape3, newShape: Shape3, output: Float32Array) => Float32Array;

const FAST: Target = {
  text: "80x, error <= 3e-7 of the range",
  reached: ({ ratio, error }) => (ratio === null || error === null ? null : ratio >= 80 && error <= 3e-7),
};

function resizeRow(name: string, input: Input, newShape: Shape3, resize: Resize, target: Target): Row {
  const shape = input.shape as Shape3;
  return {
    name,
    size: sizeText(shape, newShape),
    operation: "cubic",
    reference: "skimage.transform.resize, order 3, edge",
    inputs: { data: input },
    parameters: { newShape },
    voxels: voxelCount(newShape),
    target,
    prepare: ({ data }) => {
      const output = new Float32Array(voxelCount(newShape));
      return {
        run: () => resize(data as Float32Array, shape, newShape, output)[output.length >> 1],
        outputs: () => ({ data: output }),
      };
    },
  };
}

/** `resizeCubic` beside what others resample with. */
function peerRow(
  name: string,
  peer: Pick<Row, "operation" | "reference" | "needs">,
  input: Input,
  newShape: Shape3,
): Row {
  return { ...resizeRow(name, input, newShape, resizeCubic, PEER), ...peer };
}

const ITK = { operation: "cubic-itk", reference: "SimpleITK.Resample, sitkBSpline" };
const TORCH = { operation: "trilinear-torch", reference: "torch interpolate, trilinear", needs: "torch" };

/** Slices in plane, then the nearest along axis 0, as `resampleImage` does for anisotropic scans. */
function separateRow(name: string, input: Input, newShape: Shape3, spacing: number[], target: number[]): Row {
  const shape = input.shape as Shape3;
  const between: Shape3 = [shape[0], newShape[1], newShape[2]];
  const changes = newShape[0] !== shape[0];
  return {
    name,
    size: sizeText(shape, newShape),
    operation: "separate-z",
    reference: "nnunet resample_patient, order 3, separate z",
    inputs: { data: input },
    parameters: { spacing, target },
    voxels: voxelCount(newShape),
    target: exactAnd(40),
    prepare: ({ data }) => {
      const slices = new Float32Array(voxelCount(between));
      const output = changes ? new Float32Array(voxelCount(newShape)) : slices;
      return {
        run: () => {
          resizeCubicSlices(data as Float32Array, shape, [newShape[1], newShape[2]], slices);
          if (changes) resizeNearest(slices, between, newShape, output);
          return output[output.length >> 1];
        },
        outputs: () => ({ data: output }),
      };
    },
  };
}

export function cubicRows(scale: Scale): Row[] {
  const up = scale.shape([160, 256, 256]);
  const down = scale.shape([120, 512, 512]);
  const slabs = scale.shape([60, 512, 512]);
  const mr: Input = { file: `mr-${sizeText(up)}`, shape: up, make: () => mrScan(up, 11, "noise") };
  const stripped: Input = { file: `stripped-${sizeText(up)}`, shape: up, make: () => mrScan(up, 14, "zero") };
  const ct: Input = { file: `ct-${sizeText(down)}`, shape: down, make: () => ctScan(down, 12) };
  const thick: Input = { file: `ct-${sizeText(slabs)}`, shape: slabs, make: () => ctScan(slabs, 13) };
  const upTo = scale.shape([200, 320, 320]);
  const downTo = scale.shape([200, 300, 300]);
  const plane = 512 / 400;
  const same = scale.shape([60, 400, 400]);
  const change = scale.shape([100, 400, 400]);
  return [
    resizeRow("cubic-exact-up", mr, upTo, resizeCubic, exactAnd(50)),
    resizeRow("cubic-exact-up-stripped", stripped, upTo, resizeCubic, exactAnd(50)),
    resizeRow("cubic-exact-down", ct, downTo, resizeCubic, exactAnd(50)),
    peerRow("cubic-exact-up-itk", ITK, mr, upTo),
    peerRow("cubic-exact-up-torch", TORCH, mr, upTo),
    resizeRow("cubic-fast-up", mr, upTo, resizeCubicFast, FAST),
    resizeRow("cubic-fast-down", ct, downTo, resizeCubicFast, FAST),
    separateRow("separate-z-same", thick, same, [5, 1, 1], [5, plane, plane]),
    separateRow("separate-z-change", thick, change, [5, 1, 1], [3, plane, plane]),
  ];
}
