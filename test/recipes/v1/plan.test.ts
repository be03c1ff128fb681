import { expect, test } from "vitest";
import { NdArray, PyDict, PyFloat, PyTuple, type PyValue } from "../../../src/core/python.js";
import { type PlansV1, plansFromPython, plansToPython } from "../../../src/recipes/v1/documents/plans.js";
import {
  describePlan,
  planExperiment2d,
  planExperiment3d,
} from "../../../src/recipes/v1/planners/experiment-planner.js";
import { type GoldenPlans, goldens, properties } from "./goldens.js";

function plan(planner: string, golden: GoldenPlans): PlansV1 {
  const dataset = properties(golden.dataset);
  if (planner === "2d") return planExperiment2d(dataset);
  return planExperiment3d(dataset, { targetSpacingRule: planner === "3d_min" ? "min" : "max" });
}

/** The pickled value in the form in which the fixtures hold it: JSON. */
function plain(value: PyValue): unknown {
  if (value instanceof PyDict) return Object.fromEntries(value.entries.map(([k, v]) => [String(k), plain(v)]));
  if (value instanceof PyTuple) return value.items.map(plain);
  if (value instanceof NdArray) return Array.from(value.data, Number);
  if (value instanceof PyFloat) return value.value;
  return Array.isArray(value) ? value.map(plain) : value;
}

const LEFT_OUT = [
  "dataset_properties",
  "original_spacings",
  "original_sizes",
  "list_of_npz_files",
  "preprocessed_data_folder",
];

// toEqual compares numbers by Object.is: spacings are equal bit for bit.
test.each(goldens.map((golden) => [golden.dataset.name, golden] as const))("nnU-Net's plans: %s", (_, golden) => {
  for (const planner of ["3d", "3d_min", "2d"] as const) {
    const dict = plansToPython(plan(planner, golden));
    expect(dict.entries.map(([key]) => key)).toEqual(golden.keys[planner]);
    const found = plain(new PyDict(dict.entries.filter(([key]) => !LEFT_OUT.includes(key as string))));
    expect(found).toEqual(golden.plans[planner]);
  }
});

test("the fixtures reach every branch", () => {
  const all = goldens.flatMap((g) => Object.values(g.plans));
  expect(all.some((p) => p.num_stages === 2)).toBe(true);
  expect(new Set(all.map((p) => String(p.transpose_forward)))).toEqual(new Set(["0,1,2", "1,0,2", "2,0,1"]));
  expect(goldens.some((g) => JSON.stringify(g.plans["3d"]) !== JSON.stringify(g.plans["3d_min"]))).toBe(true);
});

test("plans survive the way through their pickled form", () => {
  const plans = planExperiment3d(properties(goldens[2].dataset), { croppedFolder: "/c", preprocessedFolder: "/p" });
  expect(plansFromPython(plansToPython(plans))).toEqual(plans);
  expect(plans.list_of_npz_files[0]).toBe("/c/case_000.npz");
  const flat = planExperiment2d(properties(goldens[2].dataset));
  expect(plansFromPython(plansToPython(flat))).toEqual(flat);
});

test("a plan in words", () => {
  const lines = describePlan(planExperiment3d(properties(goldens.find((g) => g.dataset.name === "liver")!.dataset)));
  expect(lines).toEqual([
    "130 cases, 2 classes, axes as in the files",
    "channel 0 (CT): normalised as CT",
    "3d_lowres: spacing 2.4 x 1.824 x 1.824 mm, median case 180 x 213 x 213, patch 128 x 128 x 128, batch 2, pooling 5 5 5",
    "3d_fullres: spacing 1 x 0.76 x 0.76 mm, median case 432 x 512 x 512, patch 128 x 128 x 128, batch 2, pooling 5 5 5",
  ]);
});

test("what cannot be planned is refused with a reason", () => {
  const dataset = properties(goldens[0].dataset);
  const none = { ...dataset, all_sizes: [], all_spacings: [], size_reductions: new Map() };
  expect(() => planExperiment3d(none)).toThrowError("expected as many as cases");
  const broken = { ...dataset, all_spacings: dataset.all_spacings.map(() => [0, 1, 1] as const) };
  expect(() => planExperiment3d(broken)).toThrowError("spacing (0, 1, 1) found");
  const empty = { ...dataset, all_sizes: dataset.all_sizes.map(() => [0, 9, 9] as const) };
  expect(() => planExperiment3d(empty)).toThrowError("without voxels");
});
