import { voxelCount } from "../src/core/volume.js";
import {
  type CaseDraws,
  DrawnDataset,
  drawsOfCase,
  measureForeground,
  measureForegroundAgain,
  planSamples,
  takeForeground,
} from "../src/recipes/v2/fingerprint.js";
import { ctScan, labelMap } from "./data.js";
import { exactAnd, type Row, type Scale, sizeText } from "./row.js";

const CASES = 4;

/** The intensities of nnU-Net v2's fingerprint: all of its draws. */
export function drawRows(scale: Scale): Row[] {
  const shape = scale.shape([64, 192, 192]);
  const count = voxelCount(shape);
  const draws = scale.count(1e8);
  const joined = <T extends Float32Array | Int16Array>(all: T, make: (seed: number) => T): T => {
    for (let i = 0; i < CASES; i++) all.set(make(i) as never, i * count);
    return all;
  };
  return [
    {
      name: "v2-fingerprint",
      size: `${CASES} x ${sizeText(shape)} float32, ${draws} draws`,
      operation: "v2-fingerprint",
      reference: "nnunetv2 collect_foreground_intensities and the statistics of its extractor",
      inputs: {
        images: {
          file: "fingerprint-images",
          shape: [CASES, 1, ...shape],
          make: () => joined(new Float32Array(CASES * count), (i) => ctScan(shape, 81 + i)),
        },
        labels: {
          file: "fingerprint-labels",
          shape: [CASES, 1, ...shape],
          make: () => joined(new Int16Array(CASES * count), (i) => labelMap(shape, 4, 91 + i)),
        },
      },
      parameters: { draws },
      voxels: CASES * count,
      target: exactAnd(6),
      prepare: ({ images, labels }) => {
        const statistics = new Float64Array(7);
        return {
          run: () => {
            const foregrounds = Array.from({ length: CASES }, (_, i) => {
              const channels = [(images as Float32Array).subarray(i * count, (i + 1) * count)];
              const label = (labels as Int16Array).subarray(i * count, (i + 1) * count);
              return takeForeground({ channels, label, shape }).foreground;
            });
            const plan = planSamples(
              foregrounds.map(() => true),
              draws,
            );
            const drawsOf = (i: number) => drawsOfCase(plan, i) as CaseDraws;
            const drawn = new DrawnDataset(plan);
            for (const [i, values] of foregrounds.entries())
              drawn.addMeasured(i, measureForeground(values, drawsOf(i)));
            const pooled = drawn.pool();
            for (const [i, values] of foregrounds.entries()) {
              drawn.addDeviations(i, measureForegroundAgain(values, drawsOf(i), pooled));
            }
            const [found] = drawn.statistics();
            if (found === undefined) return Number.NaN;
            const { mean, median, std, min, max, percentile005, percentile995 } = found;
            statistics.set([mean, median, std, min, max, percentile005, percentile995]);
            return std;
          },
          outputs: () => ({ statistics }),
        };
      },
    },
  ];
}
