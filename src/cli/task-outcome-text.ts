import { plainError } from "../core/errors.js";
import { formatSpacing, formatVoxels } from "../core/grid-text.js";
import type { PlansV1 } from "../recipes/v1/documents/plans.js";
import { describePlan } from "../recipes/v1/planners/experiment-planner.js";
import type { CroppedGrid } from "../recipes/v1/stages/crop.js";
import type { PreprocessedGrid, PreprocessedStage } from "../recipes/v1/stages/preprocess.js";
import { describeFindings } from "../recipes/verify/findings.js";
import type { CaseOutcome } from "../runner/run.js";
import { formatMebibytes, formatTable, formatWarnings } from "./table.js";
import { hasFailed, type TaskOutcome } from "./task-pipeline.js";

/** Everything that was done on one task, for people. */
export function formatTaskOutcome(outcome: TaskOutcome): string {
  const { task, verification, crop, planned, stages, error } = outcome;
  const parts = [task.name];
  if (verification !== undefined) parts.push(describeFindings(verification));
  if (planned !== undefined) parts.push(formatPlans([...planned.plans.values()]));
  if (crop !== undefined && stages === undefined) parts.push(formatCrop(crop));
  for (const stage of stages ?? []) parts.push(formatStage(stage, crop));
  const readings = listReadingWarnings(outcome);
  if (readings.length > 0) parts.push(readings.join("\n"));
  const memory = listMemoryWarnings(outcome);
  if (memory.length > 0) parts.push(memory.join("\n"));
  const failures = listFailures(outcome);
  if (failures.length > 0) parts.push(["Failed:", ...failures].join("\n  "));
  if (error !== undefined) parts.push(`Stopped: ${error.message}`);
  const files = listFiles(outcome);
  if (files.length > 0) parts.push(["Files:", ...files].join("\n  "));
  parts.push(`${hasFailed(outcome) ? "Failed" : "Done"} in ${outcome.seconds.toFixed(1)} s`);
  return parts.join("\n\n");
}

/** The plans of both planners; what they have in common is said once. */
function formatPlans(plans: readonly PlansV1[]): string {
  const lines = new Set(plans.flatMap(describePlan));
  return [...lines].join("\n  ");
}

/** Share of the voxels that cropping left. */
function keptShare({ shapeBefore, shapeAfter }: CroppedGrid): number {
  const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  return count(shapeAfter) / count(shapeBefore);
}

function formatShare(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function formatCrop(outcomes: readonly CaseOutcome<CroppedGrid>[]): string {
  const rows = outcomes.map((outcome) => {
    if (!outcome.ok) return [outcome.identifier, "failed"];
    const { value } = outcome;
    return [
      outcome.identifier,
      formatVoxels(value.shapeBefore),
      formatSpacing(value.spacingMm),
      formatVoxels(value.shapeAfter),
      formatShare(keptShare(value)),
      ...(value.skipped ? ["there already", ""] : costOf(outcome)),
    ];
  });
  return formatTable(
    ["cropped case", "voxels before", "spacing mm", "voxels after", "kept", "time", "peak memory"],
    rows,
  );
}

function costOf(outcome: { seconds: number; peakMemoryBytes: number | null }): string[] {
  return [`${outcome.seconds.toFixed(2)} s`, formatMebibytes(outcome.peakMemoryBytes)];
}

function formatStage(stage: PreprocessedStage, crop: readonly CaseOutcome<CroppedGrid>[] | undefined): string {
  const cropped = new Map(crop?.map((outcome) => [outcome.identifier, outcome]));
  const rows = stage.cases.map((outcome) => {
    if (!outcome.ok) return [outcome.identifier, "failed"];
    const { value } = outcome;
    const before = cropped.get(outcome.identifier);
    return [
      outcome.identifier,
      before?.ok ? formatVoxels(before.value.shapeBefore) : "",
      before?.ok ? formatShare(keptShare(before.value)) : "",
      formatVoxels(value.shapeBefore),
      formatSpacing(value.spacingBeforeMm),
      formatVoxels(value.shapeAfter),
      formatSpacing(value.spacingAfterMm),
      ...(value.skipped ? ["there already", ""] : costOf(outcome)),
    ];
  });
  const header = [
    `${stage.planner} stage ${stage.stage}`,
    "raw voxels",
    "kept",
    "cropped voxels",
    "spacing mm",
    "voxels after",
    "spacing mm",
    "time",
    "peak memory",
  ];
  const said = stage.cases.flatMap((outcome) =>
    outcome.ok ? outcome.value.warnings.map(({ message }) => [outcome.identifier, message] as const) : [],
  );
  return [formatTable(header, rows), ...(said.length === 0 ? [] : [formatWarnings(said)])].join("\n");
}

/** What is to be known of the files of cases that were cropped now; the check has told it already. */
function listReadingWarnings({ crop, verification }: TaskOutcome): string[] {
  if (verification !== undefined) return [];
  const said = (crop ?? [])
    .flatMap((outcome) => (outcome.ok ? outcome.value.warnings : []))
    .map((text) => {
      const end = text.indexOf(": ");
      return [text.slice(0, end), text.slice(end + 2)] as const;
    });
  return said.length === 0 ? [] : [formatWarnings(said)];
}

/** What is to be known of cases that were done. */
function listMemoryWarnings({ crop, stages }: TaskOutcome): string[] {
  const outcomes: CaseOutcome<unknown>[] = [...(crop ?? []), ...(stages ?? []).flatMap((stage) => stage.cases)];
  const said = outcomes.flatMap((outcome) =>
    outcome.ok && outcome.memoryWarning !== undefined ? [[outcome.identifier, outcome.memoryWarning] as const] : [],
  );
  return said.length === 0 ? [] : [formatWarnings(said)];
}

function listFailures({ crop, stages }: TaskOutcome): string[] {
  const lines: string[] = [];
  const add = (where: string, outcome: CaseOutcome<unknown>) => {
    if (!outcome.ok) lines.push(`${outcome.identifier} (${where}): ${outcome.error.message}`);
  };
  for (const outcome of crop ?? []) add("crop", outcome);
  for (const stage of stages ?? []) {
    for (const outcome of stage.cases) add(`${stage.planner} stage ${stage.stage}`, outcome);
  }
  return lines;
}

function listFiles({ task, crop, planned, stages }: TaskOutcome): string[] {
  const lines: string[] = [];
  if (crop !== undefined) lines.push(`cropped cases   ${task.cropped}`);
  for (const file of planned?.files.values() ?? []) lines.push(`plans           ${file}`);
  for (const stage of stages ?? []) lines.push(`${`${stage.planner} stage ${stage.stage}`.padEnd(15)} ${stage.folder}`);
  return lines;
}

function plainOutcome(outcome: CaseOutcome<CroppedGrid | PreprocessedGrid>): object {
  const { identifier, ok } = outcome;
  if (!ok) return { identifier, ok, error: plainError(outcome.error) };
  const { value, seconds, peakMemoryBytes, memoryBytes, memoryWarning } = outcome;
  const memory = { peakMemoryBytes, estimatedMemoryBytes: memoryBytes ?? null };
  return { identifier, ok, ...value, seconds, ...memory, ...(memoryWarning === undefined ? {} : { memoryWarning }) };
}

function plainPlans(plans: PlansV1, file: string): object {
  return {
    file,
    transposeForward: plans.transpose_forward,
    normalizationSchemes: [...plans.normalization_schemes.values()],
    useMaskForNorm: [...plans.use_mask_for_norm.values()],
    stages: plans.plans_per_stage,
  };
}

/** The same for machines: plain values, one object per task. */
export function plainTaskOutcome(outcome: TaskOutcome): object {
  const { verification, crop, planned, stages, error } = outcome;
  const { name, ...folders } = outcome.task;
  const plans = [...(planned?.plans ?? [])].map(([planner, p]) => [
    planner,
    plainPlans(p, planned?.files.get(planner) ?? ""),
  ]);
  return {
    task: name,
    ok: !hasFailed(outcome),
    folders,
    seconds: outcome.seconds,
    ...(verification === undefined ? {} : { verify: verification }),
    ...(crop === undefined ? {} : { crop: crop.map(plainOutcome) }),
    ...(planned === undefined ? {} : { plans: Object.fromEntries(plans) }),
    ...(stages === undefined
      ? {}
      : { stages: stages.map((stage) => ({ ...stage, cases: stage.cases.map(plainOutcome) })) }),
    ...(error === undefined ? {} : { error: plainError(error) }),
  };
}
