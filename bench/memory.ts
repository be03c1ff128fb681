/**
 * Where memory goes: `npm run bench:memory [-- --quick]` writes the last part of bench/RESULTS.md, or with --quick of
 * build/bench/RESULTS.md. Every measurement has a process of its own.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { CaseSpec } from "./case.bench.js";
import { availableBytes } from "./memory-facts.js";
import type { CaseProbe, ExportProbe, RepeatProbe, ResizeProbe } from "./memory-probe.js";
import { BENCH_FOLDER, program, REPOSITORY } from "./places.js";
import { describeMachine, megabytes, table, writeSections } from "./results-file.js";
import { QUICK, sizeText } from "./row.js";
import { runJson } from "./run-json.js";

const MIB = 2 ** 20;
/** What a resize may take beside its arrays. */
const ALLOWANCE = 64 * MIB;
const MOST_WASM = 64 * MIB;

type Shape = readonly [number, number, number];

const RESIZES: readonly { readonly from: Shape; readonly to: Shape }[] = [
  { from: [160, 256, 256], to: [200, 320, 320] },
  { from: [120, 512, 512], to: [200, 300, 300] },
  { from: [400, 512, 512], to: [400, 600, 600] },
  { from: [2000, 512, 512], to: [1500, 400, 400] },
];

function probe<T>(kind: string, ...parameters: string[]): T {
  process.stderr.write(`${kind} ${parameters.join(" ")}\n`);
  return runJson<T>(process.execPath, [program("memory-probe"), kind, ...parameters], process.env);
}

function yes(condition: boolean): string {
  return condition ? "yes" : "**no**";
}

function resizeLine(mode: "exact" | "fast", from: Shape, to: Shape): string[] {
  const [n0, n1, n2] = from;
  const [m0, m1, m2] = to;
  const arrays = 4 * n0 * n1 * n2 + 4 * m0 * m1 * m2;
  const needed = arrays + 8 * n0 * m1 * m2 + 5e8;
  const name = `${mode}, ${sizeText(from, to)}`;
  const available = availableBytes();
  if (needed > available) {
    return [name, `skipped: needs ${megabytes(needed)}, ${megabytes(available)} are free`, "", "", "", ""];
  }
  const found = probe<ResizeProbe>(mode, ...[...from, ...to].map(String));
  const between = mode === "exact" ? found.intermediateBytes : 0;
  const bound = found.inputBytes + found.outputBytes + between + ALLOWANCE;
  const used = found.peakBytes - found.baselineBytes;
  return [
    name,
    `${found.seconds.toFixed(2)} s`,
    megabytes(found.peakBytes),
    megabytes(used),
    `${megabytes(bound)}: ${yes(used <= bound)}`,
    `${megabytes(found.wasmBytes)}: ${yes(found.wasmBytes <= MOST_WASM)}`,
  ];
}

function resizes(quick: boolean): string {
  const jobs = quick ? [{ from: QUICK.shape(RESIZES[0].from), to: QUICK.shape(RESIZES[0].to) }] : RESIZES;
  const lines = jobs.flatMap(({ from, to }) => [resizeLine("exact", from, to), resizeLine("fast", from, to)]);
  return `### One cubic resize

The bound is input + output + (exact) one float64 volume with the last two axes resampled + 64 MiB; "beside the program"
is the process's peak less its peak before any array was made. WebAssembly memory is to stay below 64 MiB. Each is a
first call, so time includes the first touch of all memory.

${table(["resize", "time", "peak", "beside the program", "bound", "WebAssembly"], lines)}`;
}

/** What an export may take beside probabilities and labels, and how long on two cores; it uses one. */
const EXPORT_ALLOWANCE = 256 * MIB;
const EXPORT_SECONDS = 60;
const EXPORT = { classes: 118, from: [128, 128, 128], to: [400, 512, 512] } as const;

function exports(quick: boolean): string {
  const { classes } = EXPORT;
  const from = quick ? QUICK.shape(EXPORT.from) : EXPORT.from;
  const to = quick ? QUICK.shape(EXPORT.to) : EXPORT.to;
  const lines = ["smooth", "noise"].map((values) => {
    const found = probe<ExportProbe>(`export-${values}`, ...[classes, ...from, ...to].map(String));
    const bound = found.inputBytes + found.outputBytes + EXPORT_ALLOWANCE;
    const used = found.peakBytes - found.baselineBytes;
    return [
      `${classes} classes ${sizeText(from, to)}, ${values}`,
      `${found.seconds.toFixed(1)} s: ${yes(found.seconds < EXPORT_SECONDS)}`,
      megabytes(found.peakBytes),
      megabytes(used),
      `${megabytes(bound)}: ${yes(used <= bound)}`,
      `${megabytes(found.wasmBytes)}: ${yes(found.wasmBytes <= MOST_WASM)}`,
    ];
  });
  return `### One export

float32 probabilities in memory to labels in memory, one thread. The bound is both and 256 MiB; less than
${EXPORT_SECONDS} s are wanted. All resampled probabilities together would take ${megabytes(4 * classes * to[0] * to[1] * to[2])}.

${table(["export", "time", "peak", "beside the program", "bound", "WebAssembly"], lines)}`;
}

function cases(quick: boolean): string {
  const flags = quick ? ["--quick"] : [];
  const names: readonly CaseSpec["name"][] = ["case-ct", "case-mr"];
  const lines = names.map((name) => {
    const folder = mkdtempSync(join(tmpdir(), "nnprep-memory-"));
    probe("crop", name, folder, ...flags);
    const found = probe<CaseProbe>("case", name, folder, ...flags);
    rmSync(folder, { recursive: true, force: true });
    const deviation = found.estimateBytes / found.measuredBytes - 1;
    return [
      `\`${name}\``,
      megabytes(found.estimateBytes),
      megabytes(found.measuredBytes),
      `${(100 * deviation).toFixed(0)} %`,
      yes(Math.abs(deviation) <= 0.15),
      megabytes(found.wasmBytes),
    ];
  });
  return `### Estimate and peak of a case

The estimate that admits a cropped case to a dataset run, and the peak of a process that preprocesses it, files to
files, less what the process had before.

${table(["case", "estimate", "peak", "deviation", "within 15 %", "WebAssembly"], lines)}`;
}

function repeats(quick: boolean): string {
  const { peaks } = probe<RepeatProbe>("repeat", ...(quick ? ["--quick"] : []));
  const settled = peaks.find(({ cases: count }) => count === 25)?.peakBytes ?? 0;
  const last = peaks[peaks.length - 1].peakBytes;
  const growth = last / settled - 1;
  return `### 100 small cases in one process

Peak after so many cases of about 32x99x97 voxels, read, cropped, preprocessed, written and read again. From 25 to 100
cases the peak grows by ${(100 * growth).toFixed(1)} % (at most 5 % is wanted: ${yes(growth <= 0.05)}).

${table(
  ["cases", ...peaks.map(({ cases: count }) => String(count))],
  [
    ["peak", ...peaks.map(({ peakBytes }) => megabytes(peakBytes))],
    ["WebAssembly", ...peaks.map(({ wasmBytes }) => megabytes(wasmBytes))],
  ],
)}`;
}

const { quick } = parseArgs({ options: { quick: { type: "boolean", default: false } } }).values;
const note = quick ? "**Small sizes: these figures only show that everything runs.**\n\n" : "";
const memory = `## Memory\n\n${note}${describeMachine(null)}\n\n${resizes(quick)}\n\n${exports(quick)}\n\n${cases(quick)}\n\n${repeats(quick)}`;
writeSections(quick ? join(REPOSITORY, "build/bench/RESULTS.md") : join(BENCH_FOLDER, "RESULTS.md"), { memory });
process.stdout.write(`${memory}\n`);
