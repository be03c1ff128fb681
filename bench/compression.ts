/**
 * Size and time of a preprocessed case for every choice of compression: `node compression.js FOLDER [--quick]` prints
 * JSON and leaves the files in FOLDER.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Shape3 } from "../src/core/volume.js";
import { deflateRaw } from "../src/io/gzip.js";
import { bytesOf } from "../src/io/npy.js";
import { readNpzArray, writeNpz } from "../src/io/npz.js";
import { init } from "../src/runtime/instantiate.js";
import { type CaseSpec, caseSpecs, processCase } from "./case.bench.js";
import { FULL, QUICK } from "./row.js";

const CHOICES = ["none", "fast", "best"] as const;
const LEVELS = [1, 2, 3, 4, 5, 6];

export interface CompressionResult {
  readonly shape: readonly number[];
  readonly plainBytes: number;
  readonly choices: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly writeSeconds: number;
    readonly readSeconds: number;
    readonly file: string;
  }[];
  readonly levels: readonly { readonly level: number; readonly bytes: number; readonly seconds: number }[];
}

async function preprocessed(spec: CaseSpec): Promise<{ chunks: Float32Array[]; shape: number[] }> {
  const { arrays } = await processCase(
    spec,
    spec.channels.map((input) => input.make()),
    spec.label.make(),
  );
  const grid: Shape3 = arrays.shape;
  return {
    chunks: [...arrays.channels, Float32Array.from(arrays.label)],
    shape: [arrays.channels.length + 1, ...grid],
  };
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const start = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - start) / 1000 };
}

async function measure(folder: string, spec: CaseSpec): Promise<CompressionResult> {
  const stack = await preprocessed(spec);
  const choices = [];
  for (const name of CHOICES) {
    const { value: bytes, seconds } = await timed(() => writeNpz({ data: stack }, { compression: name }));
    const { seconds: readSeconds } = await timed(() => readNpzArray(bytes, "data"));
    const file = join(folder, `case-${name}.npz`);
    writeFileSync(file, bytes);
    choices.push({ name, bytes: bytes.length, writeSeconds: seconds, readSeconds, file });
  }
  const pieces = stack.chunks.map(bytesOf);
  const levels = [];
  for (const level of LEVELS) {
    const { value, seconds } = await timed(() => deflateRaw(pieces, level));
    levels.push({ level, bytes: value.chunks.reduce((sum, chunk) => sum + chunk.length, 0), seconds });
  }
  const plainBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return { shape: stack.shape, plainBytes, choices, levels };
}

const [folder, ...flags] = process.argv.slice(2);
await init();
const [spec] = caseSpecs(flags.includes("--quick") ? QUICK : FULL);
process.stdout.write(`${JSON.stringify(await measure(folder, spec))}\n`);
