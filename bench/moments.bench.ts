import { meanAndStd } from "../src/kernels/moments.js";
import { normalValues } from "./data.js";
import type { Row, Scale } from "./row.js";

/** Mean and deviation with float64 sums in one pass: more accurate than NumPy's, so not equal to them. */
export function momentsRows(scale: Scale): Row[] {
  const count = scale.count(10_000_000);
  return [
    {
      name: "mean-std-float64",
      size: `${count} float32`,
      operation: "mean-std",
      reference: "numpy mean() and std()",
      inputs: { values: { file: "values", shape: [count], make: () => normalValues(count, 61, 100, 250) } },
      parameters: {},
      voxels: count,
      target: { text: "4x", reached: ({ ratio }) => (ratio === null ? null : ratio >= 4) },
      prepare: ({ values }) => {
        const moments = new Float32Array(2);
        return {
          run: () => {
            const { mean, std } = meanAndStd(values as Float32Array);
            moments[0] = mean;
            moments[1] = std;
            return std;
          },
          outputs: () => ({ moments }),
        };
      },
    },
  ];
}
