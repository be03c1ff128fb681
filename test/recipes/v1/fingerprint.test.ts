import { beforeAll, expect, test } from "vitest";
import { NdArray, PyDict, PyFloat, PyTuple, type PyValue } from "../../../src/core/python.js";
import { formatPickle, parsePickle } from "../../../src/io/pickle.js";
import { parseDatasetJson } from "../../../src/recipes/v1/documents/dataset-json.js";
import {
  datasetPropertiesFromPython,
  datasetPropertiesToPython,
  type IntensityProperties,
  type IntensityStatistics,
  intensityPropertiesFromPython,
  intensityPropertiesToPython,
} from "../../../src/recipes/v1/documents/fingerprint.js";
import { plansFromPython, plansToPython } from "../../../src/recipes/v1/documents/plans.js";
import { analyzeDataset, type CaseSummary } from "../../../src/recipes/v1/fingerprint.js";
import { planExperiment2d, planExperiment3d } from "../../../src/recipes/v1/planners/experiment-planner.js";
import { init } from "../../../src/runtime/instantiate.js";
import { decode, type GoldenArray } from "../../golden.js";

beforeAll(() => init());

type Vec = [number, number, number];

interface Golden {
  labels: string;
  cases: {
    identifier: string;
    channels: GoldenArray[];
    label: GoldenArray;
    originalSize: Vec;
    originalSpacing: Vec;
    sizeAfterCropping: Vec;
  }[];
  with_ct: Pickles;
  without_ct: Pickles;
}

/** Files that nnU-Net wrote, base64. */
interface Pickles {
  properties: string;
  intensities: string | null;
  plans3d: string;
  plans2d: string;
}

const [golden] = Object.values(
  import.meta.glob<Golden>("../../golden/fingerprint/small.json", { eager: true, import: "default" }),
) as [Golden];

function unpickle(base64: string): PyValue {
  return parsePickle(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
}

function dataset(first: string) {
  const text = `{"modality": {"0": "${first}", "1": "T1"}, "labels": ${golden.labels}, "training": []}`;
  return parseDatasetJson(text);
}

function everyTenth(channel: GoldenArray, label: GoldenArray): Float32Array {
  const mask = decode<Int16Array>(label);
  const inside = decode<Float32Array>(channel).filter((_, i) => mask[i] > 0);
  return inside.filter((_, i) => i % 10 === 0);
}

const summaries: CaseSummary[] = golden.cases.map((c) => ({
  identifier: c.identifier,
  originalSize: c.originalSize,
  originalSpacingMm: c.originalSpacing,
  sizeAfterCropping: c.sizeAfterCropping,
  foreground: c.channels.map((channel) => everyTenth(channel, c.label)),
}));

/** NumPy's int64 and bool scalars, as nnU-Net leaves some in its plans, as the plain numbers that are written here. */
function withoutIntegerScalars(value: PyValue): PyValue {
  if (value instanceof PyDict) {
    return new PyDict(
      value.entries.map(([k, v]) => [k, withoutIntegerScalars(v)] as const),
      value.ordered,
    );
  }
  if (value instanceof PyTuple) return new PyTuple(value.items.map(withoutIntegerScalars));
  if (value instanceof NdArray && value.shape.length === 0 && value.data instanceof BigInt64Array) {
    return Number(value.data[0]);
  }
  if (typeof value === "bigint") return Number(value);
  return Array.isArray(value) ? value.map(withoutIntegerScalars) : value;
}

test.each([
  ["with_ct", "CT"],
  ["without_ct", "CTA"],
] as const)("the same pickles as nnU-Net, %s: values, types and order", (name, first) => {
  const pickles = golden[name];
  const properties = analyzeDataset(dataset(first), [...summaries].reverse());
  expect(datasetPropertiesToPython(properties)).toEqual(unpickle(pickles.properties));
  if (pickles.intensities === null) expect(properties.intensityproperties).toBeNull();
  else {
    const intensities = intensityPropertiesToPython(properties.intensityproperties as IntensityProperties);
    expect(intensities).toEqual(unpickle(pickles.intensities));
    expect(intensityPropertiesFromPython(unpickle(pickles.intensities))).toEqual(properties.intensityproperties);
  }
  const options = { preprocessedFolder: "preprocessed" };
  for (const [plans, theirs] of [
    [planExperiment3d(properties, options), unpickle(pickles.plans3d)],
    [planExperiment2d(properties, options), unpickle(pickles.plans2d)],
  ] as const) {
    expect(plansToPython(plans)).toEqual(withoutIntegerScalars(theirs));
    expect(plansFromPython(theirs)).toEqual(plans);
    expect(plansFromPython(parsePickle(formatPickle(plansToPython(plans))))).toEqual(plans);
  }
  expect(datasetPropertiesFromPython(unpickle(pickles.properties))).toEqual(properties);
});

test("voxels of all cases are pooled in nnU-Net's order", () => {
  const seen: number[][] = [];
  const measure = (voxels: Float32Array): IntensityStatistics => {
    seen.push([...voxels]);
    const n = voxels.length;
    return { median: n, mean: n, sd: n, mn: n, mx: n, percentile_99_5: n, percentile_00_5: n };
  };
  const one = (identifier: string, x: number): CaseSummary => ({
    identifier,
    originalSize: [1, 1, 1],
    sizeAfterCropping: [1, 1, 1],
    originalSpacingMm: [1, 1, 1],
    foreground: [Float32Array.of(x), Float32Array.of(-x)],
  });
  const found = analyzeDataset(dataset("ct"), [one("b", 2), one("a", 1), one("a-1", 0.5)], measure);
  expect([...found.size_reductions.keys()]).toEqual(["a-1", "a", "b"]);
  expect(seen).toContainEqual([0.5, 1, 2]);
  expect(seen).toContainEqual([-0.5, -1, -2]);
});

test("a CT case without voxels given, or a case given twice, is refused", () => {
  const { foreground: _, ...bare } = summaries[0];
  expect(() => analyzeDataset(dataset("CT"), [bare])).toThrowError("no foreground voxels given for channel 0");
  expect(() => analyzeDataset(dataset("CTA"), [bare, bare])).toThrowError("given twice");
});

test("documents that are not nnU-Net's are refused by key", () => {
  expect(() => plansFromPython([])).toThrowError("plans: expected a dict, found a list of 0 values");
  const broken = new PyDict([["all_sizes", [new PyTuple([1, 2])]]]);
  expect(() => datasetPropertiesFromPython(broken)).toThrowError("all_sizes[0]: expected three numbers");
  const text = new PyDict([["all_sizes", "big"]]);
  expect(() => datasetPropertiesFromPython(text)).toThrowError("all_sizes: expected a list, found string big");
  const statistics = new PyDict([[0, new PyDict([["median", new PyFloat(1)]])]]);
  expect(() => intensityPropertiesFromPython(statistics)).toThrowError("intensityproperties[0].mean");
});
