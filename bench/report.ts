/**
 * The benchmark: `npm run bench [-- NAME...] [--quick] [--json FILE] [--workers N]`.
 * A run of everything at full size writes bench/RESULTS.md; any other writes build/bench/RESULTS.md.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { groupRows, measureGroup } from "./compare-rows.js";
import type { CompressionResult } from "./compression.js";
import { DATASETS, measureDataset } from "./dataset.bench.js";
import type { LinearCost } from "./linear-cost.js";
import { KERNELS } from "./linear-kernels.js";
import { BENCH_FOLDER, program, REPOSITORY } from "./places.js";
import { BASELINE, findReference, ONE_THREAD, type Reference } from "./reference.js";
import { describeMachine, digits, megabytes, type Section, table, writeSections } from "./results-file.js";
import { FULL, QUICK, type Scale } from "./row.js";
import { allRows } from "./rows.js";
import { runJson } from "./run-json.js";
import { datasetSummary, type Summary, summarize } from "./summary.js";
import type { ThreadsResult } from "./threads.js";

const LINEAR = "linear-cost";
const COMPRESSION = "compression";
const THREADS = "threads";

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** What is known of a row, while the others are still to come. */
function brief({ name, ns_per_voxel, ratio, differing, reached }: Summary): string {
  const target = reached === null ? "" : reached ? ", target reached" : ", target not reached";
  const compared = ratio === null ? "" : `, ${digits(ratio)}x, ${differing} differ`;
  return `${name}: ${digits(ns_per_voxel)} ns per voxel${compared}${target}`;
}

async function measureRows(names: ReadonlySet<string>, scale: Scale, folder: string, reference: Reference) {
  const summaries: Summary[] = [];
  const rows = allRows(scale).filter(({ name }) => names.has(name));
  for (const group of groupRows(rows)) {
    say(group.map(({ name }) => name).join(", "));
    const measured = await measureGroup(group, scale, folder, reference);
    for (const summary of measured.map(summarize)) {
      summaries.push(summary);
      say(`  ${brief(summary)}`);
    }
  }
  const order = rows.map(({ name }) => name);
  return summaries.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

function kernelsTable(summaries: readonly Summary[]): string {
  const head = ["name", "size", "time", "ns per voxel", "first call", "reference", "ratio", "target", "reached"];
  const more = ["differing", "x copy", "peak", "reference's peak", "calls"];
  const cells = summaries.map((s) => [
    `\`${s.name}\``,
    s.size,
    `${digits(s.seconds * 1000)} ms`,
    digits(s.ns_per_voxel),
    s.cold_ns_per_voxel === null ? "-" : digits(s.cold_ns_per_voxel),
    s.reference === null ? "-" : digits(s.reference),
    s.ratio === null ? "-" : `${digits(s.ratio)}x`,
    s.target,
    s.reached === null ? "-" : s.reached ? "yes" : "**no**",
    s.differing === null ? "-" : s.error ? `${s.differing} (${s.error.toExponential(1)})` : String(s.differing),
    s.copy_ratio === null ? "-" : digits(s.copy_ratio),
    megabytes(s.peak_bytes),
    megabytes(s.reference_peak_bytes),
    s.calls,
  ]);
  return [table([...head, ...more], cells), ...belowTarget(summaries)].join("\n\n");
}

/** The rows below their target. */
function belowTarget(summaries: readonly Summary[]): string[] {
  const below = summaries.filter(({ reached }) => reached === false).map(({ name }) => `\`${name}\``);
  if (below.length === 0) return [];
  return [`Below the target: ${below.join(", ")}. [docs/speed.md](../docs/speed.md) says where their time goes.`];
}

function linearTable(quick: boolean): string {
  const costs = Object.keys(KERNELS).map((name) => {
    say(`${LINEAR}: ${name}`);
    const flags = quick ? ["--quick"] : [];
    return {
      name,
      costs: runJson<LinearCost[]>(process.execPath, [program("linear-cost"), name, ...flags], process.env),
    };
  });
  const sizes = costs[0].costs.map(({ voxels }) => `${voxels / 1e6} M`);
  const rows = costs.map(({ name, costs: list }) => {
    const known = list.flatMap(({ nsPerVoxel }) => (nsPerVoxel === null ? [] : [nsPerVoxel]));
    const spread = Math.max(...known) / Math.min(...known);
    const cells = list.map(({ nsPerVoxel, skipped }) => (nsPerVoxel === null ? (skipped ?? "-") : digits(nsPerVoxel)));
    return [`\`${name}\``, ...cells, `${spread.toFixed(2)}x`, spread <= 1.5 ? "yes" : "**no**"];
  });
  return `## Cost and size

ns per voxel of the result at growing sizes (cubes); within 1.5x of each other is wanted. Resampling goes from 4/5 of each edge.

${table(["kernel", ...sizes, "spread", "within 1.5x"], rows)}

At 1 M voxels all arrays lie in the third-level cache, where copies cost less than half, and fixed costs weigh more: tables
of 65,536 counts in \`percentiles\`, rows of 100 voxels that are worked on as 128 in \`fill-holes\`. Of 512 M voxels cubic
resampling spends half of its time on copies between the passes ([docs/speed.md](../docs/speed.md)).`;
}

function threadsTable(quick: boolean): string {
  say(THREADS);
  const found = runJson<ThreadsResult>(
    process.execPath,
    [program(THREADS), ...(quick ? ["--quick"] : [])],
    process.env,
  );
  const [{ seconds: alone }] = found.runs;
  const rows = found.runs.map(({ threads, sharing, seconds, equal }) => [
    String(threads),
    sharing,
    `${digits(seconds * 1000)} ms`,
    `${(alone / seconds).toFixed(2)}x`,
    equal ? "yes" : "**no**",
  ]);
  return `## Threads

Cubic resize of ${found.size} by \`createEngine({ threads })\`; at least 1.5x is wanted of two threads on an idle machine.

${table(["threads", "memory", "time", "faster", "same bits"], rows)}`;
}

interface NumpyCompression {
  readonly writeSeconds: number;
  readonly readSeconds: number;
  readonly bytes: number;
  readonly equal: boolean;
}

function compressionTable(quick: boolean, folder: string, reference: Reference): string {
  say(COMPRESSION);
  const flags = quick ? ["--quick"] : [];
  const found = runJson<CompressionResult>(process.execPath, [program(COMPRESSION), folder, ...flags], process.env);
  const line = (name: string, bytes: number, write: number, read: number) => [
    name,
    `${(bytes / 1e6).toFixed(1)} MB`,
    `${((100 * bytes) / found.plainBytes).toFixed(0)} %`,
    `${write.toFixed(2)} s`,
    `${read.toFixed(2)} s`,
  ];
  const rows = found.choices.map(({ name, bytes, writeSeconds, readSeconds }) =>
    line(`\`--compression ${name}\``, bytes, writeSeconds, readSeconds),
  );
  let loaded = "Whether NumPy loads the files was not checked: the reference is missing.";
  if ("python" in reference) {
    const files = found.choices.map(({ file }) => file);
    const numpy = runJson<NumpyCompression>(reference.python, [BASELINE, "compression", ...files], ONE_THREAD);
    rows.push(line("`numpy.savez_compressed`", numpy.bytes, numpy.writeSeconds, numpy.readSeconds));
    loaded = numpy.equal
      ? `NumPy loads all ${found.choices.length} files, and they hold equal arrays.`
      : "**NumPy finds different arrays in the files.**";
  }
  const levels = found.levels.map(({ level, bytes, seconds }) => [
    String(level),
    `${(bytes / 1e6).toFixed(1)} MB`,
    `${seconds.toFixed(2)} s`,
    `${(found.plainBytes / 1e6 / seconds).toFixed(0)} MB/s`,
  ]);
  return `## Compression

A preprocessed CT case, float32 of shape (${found.shape.join(", ")}), ${(found.plainBytes / 1e6).toFixed(1)} MB. ${loaded}

${table(["choice", "size", "of plain", "writing", "reading"], rows)}

Deflate alone, by level:

${table(["level", "size", "time", "speed"], levels)}`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    workers: { type: "string", default: "2" },
  },
});
const scale = values.quick ? QUICK : FULL;
const known = [
  ...allRows(scale).map(({ name }) => name),
  ...DATASETS.map(({ name }) => name),
  LINEAR,
  THREADS,
  COMPRESSION,
];
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  say(`unknown: ${unknown.join(", ")}. Known: ${known.join(", ")}`);
  process.exit(2);
}
const names = new Set(positionals.length > 0 ? positionals : known);
const start = performance.now();
const reference = findReference();
if ("missing" in reference) say(`Only this package is measured, without the reference: ${reference.missing}`);
const folder = mkdtempSync(join(tmpdir(), "nnprep-bench-"));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
}
const parts: Partial<Record<Section, string>> = {};
try {
  const summaries = await measureRows(names, scale, folder, reference);
  for (const row of DATASETS.filter(({ name }) => names.has(name))) {
    say(row.name);
    const summary = datasetSummary(row, await measureDataset(row, scale, folder, reference, Number(values.workers)));
    rmSync(join(folder, row.name), { recursive: true });
    summaries.push(summary);
    say(`  ${brief(summary)}`);
  }
  const machine = describeMachine(reference);
  const note = values.quick ? "**Small sizes: these figures only show that everything runs.**\n\n" : "";
  if (summaries.length > 0) parts.kernels = `${note}${machine}\n\n${kernelsTable(summaries)}`;
  if (names.has(LINEAR)) parts["linear-cost"] = linearTable(values.quick);
  if (names.has(THREADS)) parts.threads = threadsTable(values.quick);
  if (names.has(COMPRESSION)) parts.compression = compressionTable(values.quick, folder, reference);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(summaries, null, 1)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const whole = positionals.length === 0 && !values.quick;
const file = whole ? join(BENCH_FOLDER, "RESULTS.md") : join(REPOSITORY, "build/bench/RESULTS.md");
writeSections(file, parts);
process.stdout.write(`${Object.values(parts).join("\n\n")}\n`);
say(`${file} written after ${((performance.now() - start) / 60000).toFixed(1)} minutes`);
