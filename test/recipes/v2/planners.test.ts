import { expect, test } from "vitest";
import { NnprepError } from "../../../src/core/errors.js";
import { type JsonDict, parseJsonDict } from "../../../src/io/ordered-json.js";
import { formatPythonJson, type PythonJson } from "../../../src/io/python-json.js";
import { readDatasetJson } from "../../../src/recipes/v2/documents/dataset-json.js";
import { parseFingerprint } from "../../../src/recipes/v2/documents/fingerprint.js";
import { formatPlans, readPlans } from "../../../src/recipes/v2/documents/plans.js";
import { describePlan } from "../../../src/recipes/v2/planners/describe-plan.js";
import {
  type PlannedExperiment,
  type PlanOptions,
  planExperiment,
} from "../../../src/recipes/v2/planners/experiment-planner.js";
import { cubeRoot } from "../../../src/recipes/v2/planners/plan-configuration.js";
import { PLANNERS } from "../../../src/recipes/v2/planners/planner-list.js";

const files = import.meta.glob<string>("../../golden/v2-plans/*.json", {
  eager: true,
  query: "?raw",
  import: "default",
});

function golden(name: string): JsonDict {
  return parseJsonDict(files[`../../golden/v2-plans/${name}.json`]);
}

function at<T = JsonDict>(dict: JsonDict, ...keys: string[]): T {
  let value: PythonJson | undefined = dict;
  for (const key of keys) value = (value as JsonDict).get(key);
  return value as T;
}

function list(dict: JsonDict, key: string): readonly JsonDict[] {
  return at<readonly JsonDict[]>(dict, key);
}

/** The planner's input as the oracle made it of a dataset in short form. */
function inputs(dataset: JsonDict, statistics: JsonDict) {
  const groups = at<readonly (readonly PythonJson[])[]>(dataset, "groups");
  const cases = groups.flatMap(([n, size, spacing]) => Array.from({ length: Number(n) }, () => ({ size, spacing })));
  const channels = at<readonly string[]>(dataset, "channels");
  const document = new Map<string, PythonJson>([
    ["channel_names", new Map(channels.map((name, i) => [String(i), name]))],
    ["labels", at(dataset, "labels")],
    ["numTraining", dataset.get("num_training") ?? cases.length],
    ["file_ending", dataset.has("png") ? ".png" : ".nii.gz"],
  ]);
  const order = dataset.get("order");
  if (order !== undefined) document.set("regions_class_order", order);
  const fingerprint = new Map<string, PythonJson>([
    ["foreground_intensity_properties_per_channel", new Map([...statistics].slice(0, channels.length))],
    ["median_relative_size_after_cropping", dataset.get("rel") ?? 1],
    ["shapes_after_crop", cases.map(({ size }) => size)],
    ["spacings", cases.map(({ spacing }) => spacing)],
  ]);
  return {
    dataset: readDatasetJson(document),
    // Through its text: what the planners of both sides read is the same file.
    fingerprint: parseFingerprint(formatPythonJson(fingerprint)),
  };
}

function plan(dataset: JsonDict, statistics: JsonDict, planner: string, existing?: JsonDict): PlannedExperiment {
  const { fingerprint, dataset: datasetJson } = inputs(dataset, statistics);
  const number = (key: string) => JSON.parse(formatPythonJson(dataset.get(key) ?? null)) as never;
  const options: PlanOptions = {
    datasetName: at<string>(dataset, "folder"),
    readerName: dataset.has("png") ? "NaturalImage2DIO" : "SimpleITKIO",
    planner,
    existing,
    ...(dataset.has("target") ? { targetSpacingMm: number("target") } : {}),
    ...(dataset.has("gpu") ? { gpuMemoryGb: number("gpu") } : {}),
    ...(dataset.has("plans_name") ? { plansName: at<string>(dataset, "plans_name") } : {}),
  };
  return planExperiment(fingerprint, datasetJson, options);
}

const cases = ["documented", "drawn"].flatMap((file) => {
  const content = golden(file);
  return list(content, "entries").flatMap((entry) =>
    [...at(entry, "plans")].map(([planner, expected]) => ({
      name: `${at<string>(entry, "dataset", "name")}, ${planner}`,
      planner,
      dataset: at(entry, "dataset"),
      statistics: at(content, "statistics"),
      expected: expected as JsonDict,
    })),
  );
});

test.each(cases)("nnU-Net's plans: $name", ({ dataset, statistics, planner, expected }) => {
  const { plansName, document } = plan(dataset, statistics, planner);
  expect(plansName).toBe(expected.get("plansName"));
  expect(formatPlans(document)).toBe(formatPlans(at(expected, "document")));
  // What planning writes can be worked with.
  const plans = readPlans(document);
  expect(plans.plannerName).toBe(planner);
  expect(plans.unsupported.size).toBe(0);
});

test("the fixtures reach every planner and branch", () => {
  expect(new Set(cases.map((c) => c.planner))).toEqual(new Set(PLANNERS.map((p) => p.name)));
  const documents = cases.map((c) => at(c.expected, "document"));
  const turned = new Set(documents.map((d) => formatPythonJson(d.get("transpose_forward") ?? null)));
  expect(turned).toEqual(new Set(["[0, 1, 2]", "[1, 0, 2]", "[2, 0, 1]"]));
  const configurations = new Set(documents.map((d) => [...at(d, "configurations").keys()].join()));
  expect(configurations).toEqual(new Set(["2d", "2d,3d_fullres", "2d,3d_lowres,3d_fullres,3d_cascade_fullres"]));
});

test("planning over an existing file keeps what is not planned anew, and says so", () => {
  const content = golden("again");
  const existing = at(content, "existing");
  const { document, kept, warnings } = plan(
    at(content, "dataset"),
    at(content, "statistics"),
    "ExperimentPlanner",
    existing,
  );
  expect(formatPlans(document)).toBe(content.get("text"));
  expect(kept).toEqual(["3d_lowres", "3d_cascade_fullres", "mine"]);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/^3d_lowres, 3d_cascade_fullres, mine: kept from the existing plans/);
  const mine = readPlans(document).configurations.get("mine");
  expect(mine?.batchSize).toBe(7);
});

const liver = golden("documented");
const statistics = at(liver, "statistics");
const brain = at(list(liver, "entries")[0], "dataset");

function message(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof NnprepError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no error";
}

test("unknown planners are refused with the names of the known ones", () => {
  const found = message(() => plan(brain, statistics, "nnUNetPlannerResEncS"));
  expect(found).toMatch(
    /^INVALID_ARGUMENT planner nnUNetPlannerResEncS is not known; known are ExperimentPlanner, nnUNet/,
  );
});

test("graphics memory that no patch fits, and spacings that are none", () => {
  const tiny = new Map([...brain, ["gpu", 1e-7 as PythonJson] as const]);
  expect(message(() => plan(tiny, statistics, "ExperimentPlanner"))).toMatch(/^INVALID_ARGUMENT no patch fits 1e-7 GB/);
  const none = new Map([...brain, ["gpu", 0 as PythonJson] as const]);
  expect(message(() => plan(none, statistics, "ExperimentPlanner"))).toMatch(/graphics memory of 0 GB/);
  const target = new Map([...brain, ["target", [1, 0, 1] as PythonJson] as const]);
  expect(message(() => plan(target, statistics, "ExperimentPlanner"))).toMatch(/spacing \(1, 0, 1\) found/);
  const coarse = new Map([...brain, ["target", [900, 1, 1] as PythonJson] as const]);
  expect(message(() => plan(coarse, statistics, "ExperimentPlanner"))).toMatch(
    /median case would have the shape \(0, /,
  );
});

test("warnings about shared data, graphics memory and numTraining", () => {
  const dataset = new Map<string, PythonJson>([...brain, ["plans_name", "Mine"], ["gpu", 11], ["num_training", 3]]);
  const { warnings, document } = plan(dataset, statistics, "nnUNetPlannerResEncM");
  expect(warnings.map((text) => text.split(" ").slice(0, 3).join(" "))).toEqual([
    "numTraining is 3,",
    "nnUNetPlannerResEncM keeps the",
    "nnUNetPlannerResEncM is made",
  ]);
  const [flat, full] = ["2d", "3d_fullres"].map((name) => at(document, "configurations", name, "data_identifier"));
  expect([flat, full]).toEqual(["nnUNetPlans_2d", "nnUNetPlans_3d_fullres"]);
  expect(document.get("plans_name")).toBe("Mine");
});

test("a plan in words", () => {
  const { document } = plan(brain, statistics, "ExperimentPlanner");
  const lines = describePlan(readPlans(document));
  expect(lines).toHaveLength(7);
  expect([lines[0], lines[1], lines[6]]).toEqual([
    "nnUNetPlans by ExperimentPlanner, files read by SimpleITKIO, axes as in the files",
    "channel 0: normalised as ZScoreNormalization, inside the non-zero mask",
    "3d_fullres: spacing 1 x 1 x 1 mm, median case 138 x 170 x 138, patch 128 x 128 x 128, batch 2, 6 stages",
  ]);
});

test("the cube root of whole numbers is a little less, as Python's is", () => {
  expect(cubeRoot(256 * 256 * 256)).toBe(255.99999999999991);
  for (const x of [1e-9, 0.3, 1, 7.999, 8, 1234.5, 1e12])
    expect(Math.abs(cubeRoot(x) / Math.cbrt(x) - 1)).toBeLessThan(1e-15);
});
