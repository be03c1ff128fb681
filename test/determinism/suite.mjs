/**
 * Kernels, steps, cases and whole datasets of both generations on synthetic input, for any engine: `runSuite` hashes
 * all that comes out. It imports the built modules, so that Node's family runs them as they are and a page as one file.
 */
import { readB2nd } from "../../dist/io/blosc2/read.js";
import { readNpz } from "../../dist/io/npz.js";
import { fillHoles } from "../../dist/kernels/components/fill-holes.js";
import { labelComponents } from "../../dist/kernels/components/label.js";
import { resizeCubicFast } from "../../dist/kernels/cubic/fast.js";
import { resizeCubic } from "../../dist/kernels/cubic/resize.js";
import { resizeCubicSlices } from "../../dist/kernels/cubic/slices.js";
import { distancesToFeatures, surfaceVoxels } from "../../dist/kernels/distance.js";
import { narrowToHalves } from "../../dist/kernels/half.js";
import { resizeLinear } from "../../dist/kernels/linear.js";
import { resizeLabels } from "../../dist/kernels/linear-labels.js";
import { meanAndStd } from "../../dist/kernels/moments.js";
import { resizeNearest } from "../../dist/kernels/nearest.js";
import { meanAndStdFloat32 } from "../../dist/kernels/pairwise.js";
import { percentiles } from "../../dist/kernels/select.js";
import { init } from "../../dist/runtime/instantiate.js";
import { sampleClassLocations } from "../../dist/steps/class-locations.js";
import { keepLargestComponent } from "../../dist/steps/components.js";
import { cropToNonzero } from "../../dist/steps/crop.js";
import { createEngine } from "../../dist/steps/engine.js";
import { evaluateLabels } from "../../dist/steps/metrics.js";
import { resampleImage, resampleLabel } from "../../dist/steps/resample.js";
import { resampleImageAsTorch, resampleLabelAsTorch } from "../../dist/steps/torch-resample.js";
import { prepareV1, prepareV2 } from "./datasets.mjs";
import { floats, syntheticCase } from "./synthetic.mjs";

/** Ways in which threads work on a volume. */
const THREADS = [
  { threads: 1 },
  { threads: 2, sharing: "shared" },
  { threads: 2, sharing: "transfer" },
  { threads: 4, sharing: "shared" },
  { threads: 4, sharing: "transfer" },
];

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes of an array or a text, or of plain values with arrays in them. Every digit counts, and so does the sign of 0. */
function bytesOf(value) {
  // Shared memory cannot be hashed as it is.
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
  const plain = (_, found) => {
    if (ArrayBuffer.isView(found)) return Array.from(bytesOf(found));
    if (found instanceof Map || found instanceof Set) return [...found];
    return typeof found === "number" && (!Number.isFinite(found) || Object.is(found, -0))
      ? `number ${1 / found} ${found}`
      : found;
  };
  return new TextEncoder().encode(JSON.stringify(value, plain));
}

function kernelResults() {
  const [shape, finer, coarser] = [
    [23, 31, 37],
    [35, 44, 41],
    [11, 40, 19],
  ];
  const data = floats(23 * 31 * 37, 1);
  const { label } = syntheticCase(shape, 1, 2);
  const speckled = label.map((value, i) => (data[i] > 300 ? 2 : value));
  const mask = Uint8Array.from(speckled, (value) => (value > 0 ? 1 : 0));
  const surface = surfaceVoxels(mask, shape);
  return {
    "cubic, finer": resizeCubic(data, shape, finer),
    "cubic, coarser": resizeCubic(data, shape, coarser),
    "cubic, slices": resizeCubicSlices(data, shape, [50, 29]),
    "cubic, float32": resizeCubicFast(data, shape, finer),
    linear: resizeLinear(data, shape, finer),
    nearest: resizeNearest(data, shape, coarser),
    "labels, threshold": resizeLabels(speckled, shape, finer, "threshold"),
    "labels, argmax": resizeLabels(speckled, shape, coarser, "argmax-nearest"),
    "fill holes": fillHoles(mask, shape),
    components: labelComponents(mask, shape, 26),
    distances: distancesToFeatures(surface, mask, shape, [2.5, 0.7, 0.9]),
    "mean and deviation": meanAndStd(data),
    "mean and deviation, pairwise": meanAndStdFloat32(data),
    percentiles: [percentiles(data, [0.5, 50, 99.5]), percentiles(data, [0.5, 50, 99.5], "float64")],
    float16: narrowToHalves(data),
  };
}

async function stepResults() {
  const [shape, newShape] = [
    [9, 40, 44],
    [20, 33, 57],
  ];
  const arrays = syntheticCase(shape, 2, 3);
  const { label } = arrays;
  const [image] = arrays.channels;
  const other = label.map((value, i) => (i % 97 === 0 ? 2 : value));
  return {
    crop: cropToNonzero(arrays, { emptyImage: "keep", leastLabel: -32768 }),
    "image, separate axis": await resampleImage(image, shape, newShape, 0, 3),
    "label, separate axis": resampleLabel(label, shape, newShape, 0, "threshold"),
    "image, torch": resampleImageAsTorch(image, shape, newShape, null),
    "label, torch": resampleLabelAsTorch(label, shape, newShape, 0, true),
    "class locations": sampleClassLocations(label, shape, [1, 2, [1, 2]]),
    "largest component": keepLargestComponent(other.slice(), shape, null, { connectivity: 6, voxelVolumeMm3: 1.7 }),
    metrics: evaluateLabels({ prediction: other, reference: label, shape }, [1, 2], {
      spacingMm: [3, 0.8, 0.8],
      toleranceMm: 1,
    }),
  };
}

/**
 * A case, large enough for several slabs and bands, resampled by engines of threads and brought back.
 * @throws Error if the number of threads, or the way in which they share memory, shows in a bit
 */
async function threadedHash(preprocessLarge, ways, workerUrl) {
  let first;
  for (const way of ways) {
    const engine = await createEngine({ ...way, workerUrl });
    try {
      const hash = await sha256(bytesOf(await preprocessLarge(engine)));
      first ??= hash;
      if (hash !== first) throw new Error(`${nameOfWay(way)}: other bits than ${nameOfWay(ways[0])}`);
    } finally {
      await engine.close();
    }
  }
  return first;
}

function nameOfWay({ threads, sharing }) {
  return sharing === undefined ? `${threads}` : `${threads} ${sharing}`;
}

/** A file's name and what it holds: compressed bytes may differ between engines, what they hold may not. */
async function contentsOf(path, bytes) {
  if (path.endsWith(".npz")) return [...(await readNpz(bytes))].map(([name, array]) => [`${path}/${name}`, array]);
  if (path.endsWith(".b2nd")) return [[path, await readB2nd(bytes)]];
  return [[path, bytes]];
}

async function hashFiles(generation, files) {
  const hashes = {};
  for (const [path, bytes] of files) {
    for (const [name, content] of await contentsOf(path, bytes)) {
      const value = ArrayBuffer.isView(content) ? content : [content.shape, content.data];
      hashes[`${generation} dataset: ${name}`] = await sha256(bytesOf(value));
    }
  }
  return hashes;
}

/**
 * @param workerUrl where a page has the script of its Web Workers
 * @returns SHA-256 by name, and the ways of threads that gave the same bits
 */
export async function runSuite(workerUrl) {
  await init();
  const hashes = {};
  for (const [group, results] of Object.entries({ kernel: kernelResults(), step: await stepResults() })) {
    for (const [name, value] of Object.entries(results)) hashes[`${group}: ${name}`] = await sha256(bytesOf(value));
  }
  const mayShare = typeof SharedArrayBuffer === "function" && globalThis.crossOriginIsolated !== false;
  const ways = THREADS.filter(({ sharing }) => sharing !== "shared" || mayShare);
  for (const [generation, prepared] of Object.entries({ v1: await prepareV1(), v2: await prepareV2() })) {
    Object.assign(hashes, await hashFiles(generation, prepared.files));
    hashes[`${generation}: case with threads`] = await threadedHash(prepared.preprocessLarge, ways, workerUrl);
  }
  return { hashes, threads: ways.map(nameOfWay) };
}
