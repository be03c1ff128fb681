import { clipAndScale } from "../src/kernels/normalize.js";
import { normalValues } from "./data.js";
import { exactAnd, type Row, type Scale } from "./row.js";

export function normalizeRows(scale: Scale): Row[] {
  const count = scale.count(10_000_000);
  const scaling = { low: -300.5, high: 600.25, mean: 101.3, sd: 217.6 };
  return [
    {
      name: "clip-zscore",
      size: `${count} float32`,
      operation: "clip-zscore",
      reference: "numpy (clip(x) - mean) / sd",
      inputs: { values: { file: "values", shape: [count], make: () => normalValues(count, 61, 100, 250) } },
      parameters: scaling,
      voxels: count,
      target: exactAnd(4),
      prepare: ({ values }) => {
        const output = new Float32Array(count);
        return {
          run: () => clipAndScale(values as Float32Array, scaling, null, output)[count >> 1],
          outputs: () => ({ values: output }),
        };
      },
    },
  ];
}
