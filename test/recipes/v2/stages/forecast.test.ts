import { expect, test } from "vitest";
import { getConfiguration } from "../../../../src/recipes/v2/documents/plans.js";
import { extractFingerprint } from "../../../../src/recipes/v2/stages/fingerprint.js";
import { forecastDataset } from "../../../../src/recipes/v2/stages/forecast.js";
import { loadPlans, planDataset } from "../../../../src/recipes/v2/stages/plan.js";
import { preprocessDataset } from "../../../../src/recipes/v2/stages/preprocess.js";
import { IDENTIFIERS, openTinyDataset, text } from "./tiny-dataset.js";

test("memory is told before there are plans, and not less than what the stages reckon with later", async () => {
  const { dataset, raw } = await openTinyDataset();
  const options = { planner: "ExperimentPlanner" };
  const before = await forecastDataset(dataset, options);
  expect(before).toMatchObject({ plansName: "nnUNetPlans", cases: 3 });
  await extractFingerprint(dataset);
  await planDataset(dataset);
  const estimates = new Map<string, number>();
  await preprocessDataset(dataset, {
    onCase: (event) => {
      if (event.state !== "started") return;
      const { identifier, memoryBytes } = event;
      estimates.set(identifier, Math.max(estimates.get(identifier) ?? 0, memoryBytes as number));
    },
  });
  const largest = [...estimates].reduce((a, b) => (b[1] > a[1] ? b : a));
  const after = await forecastDataset(dataset, options);
  expect([after.largest, after.memoryBytes]).toEqual(largest);
  expect(before.memoryBytes).toBeGreaterThanOrEqual(largest[1]);
  // Nothing is left of the provisional plans.
  expect(getConfiguration(await loadPlans(dataset.stores.preprocessed, "nnUNetPlans"), "2d").patchSize).toHaveLength(2);
  for (const identifier of IDENTIFIERS) await raw.write(`imagesTr/${identifier}_0000.nii.gz`, text("no scan"));
  expect(await forecastDataset(dataset, options)).toMatchObject({ memoryBytes: null, largest: null });
  await expect(forecastDataset(dataset, { planner: "NoPlanner" })).rejects.toThrow("NoPlanner");
}, 30_000);
