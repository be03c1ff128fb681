/** One measurement of memory in a process of its own: `node memory-probe.js KIND [argument...]` prints JSON. */
import { join } from "node:path";
import { IDENTITY_GEOMETRY, type Shape3, type Vec3, voxelCount } from "../src/core/volume.js";
import { formatNifti, parseNifti } from "../src/io/nifti.js";
import { readNpzArray, writeNpz } from "../src/io/npz.js";
import { resizeCubicFast } from "../src/kernels/cubic/fast.js";
import { resizeCubic } from "../src/kernels/cubic/resize.js";
import { cropCase } from "../src/recipes/v1/crop/crop-case.js";
import { exportSegmentation } from "../src/recipes/v1/export.js";
import { estimatePreprocessMemory } from "../src/recipes/v1/memory.js";
import { preprocessCase } from "../src/recipes/v1/preprocess.js";
import { loadCroppedProperties, saveCase } from "../src/recipes/v1/stages/case-files.js";
import { preprocessJob } from "../src/recipes/v1/stages/preprocess.js";
import type { TaskStores } from "../src/recipes/v1/stages/task.js";
import { FolderStore } from "../src/runner/folder-store.js";
import { init } from "../src/runtime/instantiate.js";
import { type CaseSpec, caseSpecs, stageOf } from "./case.bench.js";
import { ctScan, labelMap, largeScan, probabilities } from "./data.js";
import { noteWasmMemories, peakBytes, wasmBytes } from "./memory-facts.js";
import { FULL, QUICK } from "./row.js";

export interface ResizeProbe {
  readonly seconds: number;
  readonly baselineBytes: number;
  readonly peakBytes: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** A float64 volume of which the last two axes have their new lengths. */
  readonly intermediateBytes: number;
  readonly wasmBytes: number;
}

function probeResize(mode: string, shape: Shape3, newShape: Shape3): ResizeProbe {
  const baselineBytes = peakBytes();
  const data = largeScan(shape, 7);
  const output = new Float32Array(voxelCount(newShape));
  const start = performance.now();
  (mode === "fast" ? resizeCubicFast : resizeCubic)(data, shape, newShape, output);
  return {
    seconds: (performance.now() - start) / 1000,
    baselineBytes,
    peakBytes: peakBytes(),
    inputBytes: data.byteLength,
    outputBytes: output.byteLength,
    intermediateBytes: 8 * shape[0] * newShape[1] * newShape[2],
    wasmBytes: wasmBytes(),
  };
}

export interface ExportProbe {
  readonly seconds: number;
  readonly baselineBytes: number;
  readonly peakBytes: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly wasmBytes: number;
}

/** Probabilities in memory to labels in memory, one thread. */
async function probeExport(kind: string, classes: number, shape: Shape3, newShape: Shape3): Promise<ExportProbe> {
  const baselineBytes = peakBytes();
  const data = probabilities(classes, shape, kind === "export-noise" ? "noise" : "smooth", 36);
  const start = performance.now();
  const { segmentation } = await exportSegmentation(
    { classes, shape, data },
    {
      original_size_of_raw_data: newShape,
      original_spacing: [1, 1, 1],
      itk_spacing: [1, 1, 1],
      itk_origin: [0, 0, 0],
      itk_direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
      size_after_cropping: newShape,
      size_after_resampling: shape,
      spacing_after_resampling: shape.map((n, axis) => newShape[axis] / n) as unknown as Vec3,
    },
  );
  return {
    seconds: (performance.now() - start) / 1000,
    baselineBytes,
    peakBytes: peakBytes(),
    inputBytes: data.byteLength,
    outputBytes: segmentation.data.byteLength,
    wasmBytes: wasmBytes(),
  };
}

export interface CaseProbe {
  readonly name: string;
  /** What the program is told before it starts. */
  readonly estimateBytes: number;
  /** Beside the program itself. */
  readonly measuredBytes: number;
  readonly wasmBytes: number;
}

const IDENTIFIER = "case";

function storesIn(folder: string): TaskStores {
  const store = (name: string) => new FolderStore(join(folder, name));
  return { raw: store("raw"), cropped: store("cropped"), preprocessed: store("preprocessed") };
}

/** Writes the cropped case that `probeCase` begins with. */
async function writeCropped(spec: CaseSpec, folder: string): Promise<object> {
  const geometry = { ...IDENTITY_GEOMETRY, spacingMm: spec.spacing };
  const images = spec.channels.map((input) => ({ data: input.make() as Float32Array, shape: spec.shape, geometry }));
  const { arrays, properties } = cropCase({ images, label: { ...images[0], data: spec.label.make() as Int16Array } });
  await saveCase(storesIn(folder).cropped, IDENTIFIER, arrays, properties);
  return {};
}

/** The job of a dataset worker, files to files. */
async function probeCase(spec: CaseSpec, folder: string): Promise<CaseProbe> {
  const stores = storesIn(folder);
  const properties = await loadCroppedProperties(stores.cropped, IDENTIFIER);
  const baselineBytes = peakBytes();
  const settings = stageOf(spec);
  const estimateBytes = estimatePreprocessMemory(properties, spec.channels.length, settings);
  await preprocessJob.run(stores, { identifier: IDENTIFIER, folder: "stage", settings, options: {} });
  return { name: spec.name, estimateBytes, measuredBytes: peakBytes() - baselineBytes, wasmBytes: wasmBytes() };
}

export interface RepeatProbe {
  /** Peak of the process after so many cases. */
  readonly peaks: readonly { readonly cases: number; readonly peakBytes: number; readonly wasmBytes: number }[];
}

const STOPS = [1, 10, 25, 50, 75, 100];

/** 100 small cases of changing shape, one after the other: read, crop, preprocess, write, read again. */
async function probeRepeat(spec: CaseSpec): Promise<RepeatProbe> {
  const peaks = [];
  for (let i = 1; i <= 100; i++) {
    const shape: Shape3 = [30 + (i % 5), 96 + (i % 7), 96 + (i % 3)];
    const geometry = { ...IDENTITY_GEOMETRY, spacingMm: spec.spacing };
    const file = await formatNifti({ data: Int16Array.from(ctScan(shape, i)), shape, geometry }, { gzip: true });
    const image = await parseNifti(file);
    const label = { ...image, data: labelMap(shape, 3, i) };
    const cropped = cropCase({ images: [image], label });
    const { arrays } = await preprocessCase(cropped.arrays, cropped.properties, stageOf(spec));
    const chunks = [...arrays.channels, Float32Array.from(arrays.label)];
    const npz = await writeNpz({ data: { chunks, shape: [2, ...arrays.shape] } }, { compression: "fast" });
    await readNpzArray(npz, "data");
    if (STOPS.includes(i)) peaks.push({ cases: i, peakBytes: peakBytes(), wasmBytes: wasmBytes() });
  }
  return { peaks };
}

const [kind, ...rest] = process.argv.slice(2);
const spec = (name: string) => specs.find((known) => known.name === name) ?? specs[0];
const specs = caseSpecs(rest.includes("--quick") ? QUICK : FULL);
noteWasmMemories();
await init();
let result: object;
if (kind === "repeat") result = await probeRepeat(specs[0]);
else if (kind === "crop") result = await writeCropped(spec(rest[0]), rest[1]);
else if (kind === "case") result = await probeCase(spec(rest[0]), rest[1]);
else if (kind.startsWith("export")) {
  const [classes, n0, n1, n2, m0, m1, m2] = rest.slice(0, 7).map(Number);
  result = await probeExport(kind, classes, [n0, n1, n2], [m0, m1, m2]);
} else {
  const [n0, n1, n2, m0, m1, m2] = rest.slice(0, 6).map(Number);
  result = probeResize(kind, [n0, n1, n2], [m0, m1, m2]);
}
process.stdout.write(`${JSON.stringify(result)}\n`);
