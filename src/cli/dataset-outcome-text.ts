import { plainError } from "../core/errors.js";
import { formatSpacing, formatVoxels } from "../core/grid-text.js";
import { describePlan } from "../recipes/v2/planners/describe-plan.js";
import type { ExtractedFingerprint, ForegroundGrid } from "../recipes/v2/stages/fingerprint.js";
import type { PlannedDataset } from "../recipes/v2/stages/plan.js";
import type { PreparedConfiguration, PreparedGrid } from "../recipes/v2/stages/preprocess.js";
import { describeFindings } from "../recipes/verify/findings.js";
import type { CaseOutcome } from "../runner/run.js";
import { type DatasetOutcome, hasFailed } from "./dataset-pipeline.js";
import { formatMebibytes, formatTable, joinShared } from "./table.js";

/** Everything that was done on one dataset, for people. */
export function formatDatasetOutcome(outcome: DatasetOutcome): string {
  const { dataset, verification, fingerprint, planned, configurations = [], error } = outcome;
  const parts: string[] = [dataset.name];
  if (verification !== undefined) parts.push(describeFindings(verification));
  if (fingerprint !== undefined) parts.push(formatFingerprint(fingerprint));
  if (planned !== undefined) parts.push(formatPlanned(planned));
  for (const configuration of configurations) parts.push(formatConfiguration(configuration));
  const warnings = warningsOf(outcome);
  if (warnings.length > 0) parts.push(warnings.map((text) => `warning: ${text}`).join("\n"));
  const stages = [{ configuration: "fingerprint", cases: fingerprint?.cases ?? [] }, ...configurations];
  const failures = stages.flatMap(({ configuration, cases }) =>
    cases.flatMap((one) => (one.ok ? [] : [`${one.identifier} (${configuration}): ${one.error.message}`])),
  );
  if (failures.length > 0) parts.push(["Failed:", ...failures].join("\n  "));
  if (error !== undefined) parts.push(`Stopped: ${error.message}`);
  const files = filesOf(outcome);
  if (files.length > 0) parts.push(["Files:", ...files].join("\n  "));
  parts.push(`${hasFailed(outcome) ? "Failed" : "Done"} in ${outcome.seconds.toFixed(1)} s`);
  return parts.join("\n\n");
}

function formatFingerprint({ reused, fingerprint, cases }: ExtractedFingerprint): string {
  if (reused) return "The fingerprint that is there is used; --clean makes it anew";
  const rows = cases.map((outcome) => {
    if (!outcome.ok) return [outcome.identifier, "failed"];
    const { spacingMm, foregroundVoxels } = outcome.value;
    return [outcome.identifier, formatSpacing(spacingMm), String(foregroundVoxels), ...costOf(outcome)];
  });
  const table = formatTable(["fingerprint", "spacing mm", "labelled voxels", "time", "peak memory"], rows);
  if (fingerprint !== null) return table;
  return `${table}\n\nThis part is read. When all are, the same command without parts joins them`;
}

function formatPlanned({ plans, kept }: PlannedDataset): string {
  const lines = describePlan(plans);
  if (kept.length > 0) {
    lines.push(
      `kept from the file that was there, and not planned now: ${kept.join(", ")} (as nnU-Net does; remove the file to be rid of them)`,
    );
  }
  return lines.join("\n  ");
}

function costOf(outcome: { seconds: number; peakMemoryBytes: number | null }): string[] {
  return [`${outcome.seconds.toFixed(2)} s`, formatMebibytes(outcome.peakMemoryBytes)];
}

function formatConfiguration({ configuration, cases }: PreparedConfiguration): string {
  const rows = cases.map((outcome) => {
    if (!outcome.ok) return [outcome.identifier, "failed"];
    const { value } = outcome;
    return [
      outcome.identifier,
      formatVoxels(value.shapeBefore),
      formatSpacing(value.spacingBeforeMm),
      formatVoxels(value.shapeAfter),
      ...(value.kept ? ["there already", ""] : costOf(outcome)),
    ];
  });
  return formatTable([configuration, "cropped voxels", "spacing mm", "voxels after", "time", "peak memory"], rows);
}

/** What is to be known of what was done; what all cases share is said once. */
function warningsOf({ fingerprint, planned, configurations = [] }: DatasetOutcome): string[] {
  const said: [string, string][] = [];
  const add = (outcome: CaseOutcome<ForegroundGrid | PreparedGrid>) => {
    if (!outcome.ok) return;
    const { identifier, value, memoryWarning } = outcome;
    for (const text of value.warnings) said.push([identifier, text]);
    if (memoryWarning !== undefined) said.push([identifier, memoryWarning]);
  };
  for (const outcome of fingerprint?.cases ?? []) add(outcome);
  for (const { cases } of configurations) cases.forEach(add);
  const removed = configurations.flatMap(({ folder, removed: files }) =>
    files.length === 0 ? [] : [`${folder}: ${files.join(", ")} belonged to no case and was removed`],
  );
  return [...(planned?.warnings ?? []), ...joinShared(said), ...removed];
}

function filesOf({ fingerprint, planned, configurations = [] }: DatasetOutcome): string[] {
  const line = (what: string, file: string) => `${what.padEnd(12)} ${file}`;
  return [
    ...(fingerprint === undefined || fingerprint.fingerprint === null ? [] : [line("fingerprint", fingerprint.file)]),
    ...(planned === undefined ? [] : [line("plans", planned.file)]),
    ...configurations.map(({ configuration, folder }) => line(configuration, folder)),
  ];
}

function plainOutcome(outcome: CaseOutcome<ForegroundGrid | PreparedGrid>): object {
  const { identifier, ok } = outcome;
  if (!ok) return { identifier, ok, error: plainError(outcome.error) };
  const { value, seconds, peakMemoryBytes, memoryBytes = null, memoryWarning } = outcome;
  const memory = { peakMemoryBytes, estimatedMemoryBytes: memoryBytes };
  return { identifier, ok, ...value, seconds, ...memory, ...(memoryWarning === undefined ? {} : { memoryWarning }) };
}

/** The same for machines: plain values, one object per dataset. */
export function plainDatasetOutcome(outcome: DatasetOutcome): object {
  const { verification, fingerprint, planned, configurations, error } = outcome;
  const { name, ...folders } = outcome.dataset;
  const configurationNames = [...(planned?.plans.configurations.keys() ?? [])];
  return {
    dataset: name,
    ok: !hasFailed(outcome),
    folders,
    seconds: outcome.seconds,
    ...(verification === undefined ? {} : { verify: verification }),
    ...(fingerprint === undefined
      ? {}
      : {
          fingerprint: {
            file: fingerprint.file,
            reused: fingerprint.reused,
            cases: fingerprint.cases.map(plainOutcome),
          },
        }),
    ...(planned === undefined
      ? {}
      : {
          plans: {
            name: planned.plansName,
            file: planned.file,
            configurations: configurationNames,
            kept: planned.kept,
            warnings: planned.warnings,
          },
        }),
    ...(configurations === undefined
      ? {}
      : { configurations: configurations.map((one) => ({ ...one, cases: one.cases.map(plainOutcome) })) }),
    ...(error === undefined ? {} : { error: plainError(error) }),
  };
}
