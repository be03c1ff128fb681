import { percentiles } from "../src/kernels/select.js";
import { normalValues } from "./data.js";
import { exactAnd, type Row, type Scale } from "./row.js";

export function percentileRows(scale: Scale): Row[] {
  const count = scale.count(10_000_000);
  const wanted = [0.5, 99.5];
  return [
    {
      name: "percentiles",
      size: `0.5 and 99.5 of ${count} float32`,
      operation: "percentiles",
      reference: "numpy.percentile, both in one call",
      inputs: { values: { file: "values", shape: [count], make: () => normalValues(count, 61, 100, 250) } },
      parameters: { percentiles: wanted },
      voxels: count,
      target: exactAnd(7),
      prepare: ({ values }) => {
        const found = new Float64Array(wanted.length);
        return {
          run: () => {
            found.set(percentiles(values as Float32Array, wanted, "float64"));
            return found[0];
          },
          outputs: () => ({ percentiles: found }),
        };
      },
    },
  ];
}
