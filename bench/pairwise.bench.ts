import { meanAndStdFloat32 } from "../src/kernels/pairwise.js";
import { normalValues } from "./data.js";
import { exactAnd, type Row, type Scale } from "./row.js";

/** The mean and deviation that normalisation uses: NumPy's own summation, bit by bit. */
export function meanRows(scale: Scale): Row[] {
  const count = scale.count(10_000_000);
  return [
    {
      name: "mean-std",
      size: `${count} float32`,
      operation: "mean-std",
      reference: "numpy mean() and std()",
      inputs: { values: { file: "values", shape: [count], make: () => normalValues(count, 61, 100, 250) } },
      parameters: {},
      voxels: count,
      target: exactAnd(4),
      prepare: ({ values }) => {
        const moments = new Float32Array(2);
        return {
          run: () => {
            const { mean, std } = meanAndStdFloat32(values as Float32Array);
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
