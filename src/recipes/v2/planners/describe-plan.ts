import type { Configuration } from "../documents/configuration.js";
import type { Plans } from "../documents/plans.js";

function mm(spacing: readonly number[]): string {
  return `${spacing.map((x) => String(Number(x.toPrecision(4)))).join(" x ")} mm`;
}

function describeConfiguration(configuration: Configuration): string {
  const { name, spacingMm, medianShape, patchSize, batchSize, architecture, previousStage } = configuration;
  const parts = [
    `spacing ${mm(spacingMm)}`,
    `median case ${medianShape.join(" x ")}`,
    `patch ${patchSize.join(" x ")}`,
    `batch ${batchSize}`,
    `${architecture.stages} stages`,
  ];
  if (previousStage !== undefined) parts.push(`after ${previousStage}`);
  return `${name}: ${parts.join(", ")}`;
}

/** The plans in a few lines for people: one for the dataset, one per channel and one per configuration. */
export function describePlan(plans: Plans): string[] {
  const { transposeForward: axes, configurations } = plans;
  const identity = axes.every((axis, i) => axis === i);
  const order = identity ? "axes as in the files" : `axes transposed to (${axes.join(", ")})`;
  const head = `${plans.plansName} by ${plans.plannerName}, files read by ${plans.readerName}, ${order}`;
  const [first] = configurations.values();
  const channels = (first?.normalization ?? []).map((scheme, channel) => {
    const mask = first?.useMaskForNorm[channel] === true ? ", inside the non-zero mask" : "";
    return `channel ${channel}: normalised as ${scheme}${mask}`;
  });
  return [head, ...channels, ...[...configurations.values()].map(describeConfiguration)];
}
