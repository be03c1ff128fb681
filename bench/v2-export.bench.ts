import { type Box3, type Shape3, voxelCount } from "../src/core/volume.js";
import { narrowToHalves } from "../src/kernels/half.js";
import { type ExportSettings, exportSegmentation } from "../src/recipes/v2/export.js";
import { probabilities } from "./data.js";
import { exactAnd, type Row, type Scale, sizeText } from "./row.js";

const CLASSES = 20;
/** Shares as logits: between -LARGEST and LARGEST, where float16 has steps of 1/256. */
const LARGEST = 8;

/** float16 as its bits, which no type of the files names: the same bits as int16. */
function logits(shape: Shape3, kind: "smooth" | "noise"): Int16Array {
  const values = probabilities(CLASSES, shape, kind, 35);
  for (let i = 0; i < values.length; i++) values[i] = 2 * LARGEST * Math.sqrt(values[i]) - LARGEST;
  return new Int16Array(narrowToHalves(values).buffer);
}

/** Logits of a network with `CLASSES` heads in memory to labels in memory: nnU-Net's own function, and ours. */
export function v2ExportRows(scale: Scale): Row[] {
  const shape = scale.shape([96, 160, 160]);
  const newShape = scale.shape([192, 320, 320]);
  const spacing = newShape.map((n, axis) => n / shape[axis]) as unknown as Shape3;
  const settings: ExportSettings = {
    plans: { transposeForward: [0, 1, 2] },
    configuration: {
      name: "3d_fullres",
      spacingMm: spacing,
      resampleProbabilities: {
        kind: "default",
        isSeg: false,
        order: 1,
        orderZ: 0,
        forceSeparateZ: null,
        separateZThreshold: 3,
      },
    },
    labels: {
      all: Array.from({ length: CLASSES }, (_, label) => label),
      foreground: Array.from({ length: CLASSES - 1 }, (_, label) => label + 1),
      regions: null,
      regionsClassOrder: null,
      ignore: null,
      heads: CLASSES,
      entries: CLASSES,
    },
  };
  const properties = {
    spacingMm: [1, 1, 1],
    shapeBeforeCropping: newShape,
    bbox: newShape.map((n) => [0, n]) as unknown as Box3,
    shapeAfterCropping: newShape,
  } as const;
  return (["smooth", "noise"] as const).map((kind) => ({
    name: `v2-export-${kind}`,
    size: `${CLASSES} classes ${sizeText(shape, newShape)}, float16, ${kind}`,
    operation: "v2-export",
    reference: "nnunetv2 convert_predicted_logits_to_segmentation_with_correct_shape",
    needs: "torch",
    inputs: {
      logits: { file: `logits-${kind}`, shape: [CLASSES, ...shape], make: () => logits(shape, kind) },
    },
    parameters: { newShape, spacing, classes: CLASSES },
    voxels: voxelCount(newShape),
    target: exactAnd(40),
    prepare: ({ logits: values }) => {
      const { buffer, byteOffset, length } = values;
      const data = new Uint16Array(buffer, byteOffset, length);
      let labels: Uint8Array | Uint16Array = new Uint8Array(0);
      return {
        run: async () => {
          ({ labels } = await exportSegmentation({ classes: CLASSES, shape, data }, properties, settings));
          return labels[labels.length >> 1];
        },
        outputs: () => ({ labels: labels as Uint8Array }),
      };
    },
  }));
}
