// Small good files of every format, made by code. Further formats add an entry: name, and files to damage one by one.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { zipSync } from "fflate";
import { inFile } from "../../dist/core/errors.js";
import { readScan, scanFileFromBytes, writeVolume } from "../../dist/node.js";
import { readModelFolder } from "../../dist/public/inference.js";
import { formatPickle, NdArray, PyDict, parsePickle, readNpz, writeNpz } from "../../dist/public/io.js";
import { parseDatasetJson, parsePlans, parseSplits } from "../../dist/public/v2.js";

const volume = {
  data: Int16Array.from({ length: 4 * 5 * 6 }, (_, i) => ((i * 7919) % 4001) - 2000),
  shape: [4, 5, 6],
  geometry: { spacingMm: [3, 2, 1.5], originMm: [10, -20, 30.5], direction: [0, -1, 0, 1, 0, 0, 0, 0, 1] },
};
const voxels = new Uint8Array(volume.data.buffer);
const text = (lines, body = new Uint8Array(0)) => Buffer.concat([Buffer.from(lines), body]);

const NRRD =
  "NRRD0004\ntype: short\ndimension: 3\nspace: RAS\nsizes: 6 5 4\nspace directions: (1,0,0) (0,2,0) (0,0,3)\n" +
  "space origin: (1,2,3)\nendian: little\n";
const META =
  "ObjectType = Image\nNDims = 3\nElementSpacing = 1 2 3\nOffset = 0 0 0\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n" +
  "DimSize = 6 5 4\nElementByteOrderMSB = False\nElementType = MET_SHORT\n";

/** A module of the tests, which Node cannot load as it is. */
async function load(path) {
  const entry = fileURLToPath(new URL(path, import.meta.url));
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, format: "esm" });
  const code = `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`;
  return import(/* @vite-ignore */ code);
}

/** Files of DICOM series. */
function dicomSeries({ formatSlice, seriesSlices }) {
  return (settings) => seriesSlices(4, { rows: 5, columns: 6, ...settings }).map((slice) => formatSlice(slice));
}

/** @returns per format: seeds with a name, the files (the first is the one that is damaged) */
export async function makeSeeds() {
  const written = async (name, options) => [name, [await writeVolume(name, volume, options)]];
  const seed = ([name, files]) => ({
    name,
    files: files.map((f) => new Uint8Array(f)),
  });
  const dicomFiles = await load("../generated/dicom-files.ts");
  const series = dicomSeries(dicomFiles);
  const zipped = zipSync(Object.fromEntries(series().map((bytes, i) => [`${i}.dcm`, bytes])));
  return {
    nifti: [seed(await written("a.nii")), seed(await written("a.nii.gz"))],
    metaimage: [
      seed(await written("a.mha", { compress: false })),
      seed(await written("z.mha")),
      seed([
        "t.mha",
        [text(`${META}BinaryData = False\nElementDataFile = LOCAL\n`, Buffer.from(volume.data.join(" ")))],
      ]),
      seed(["d.mhd", [text(`${META}ElementDataFile = d.raw\n`), voxels]]),
    ],
    nrrd: [
      seed(await written("a.nrrd", { compress: false })),
      seed(await written("z.nrrd")),
      seed(["t.nrrd", [text(`${NRRD}encoding: ascii\n\n`, Buffer.from(volume.data.join("\n")))]]),
      seed(["d.nhdr", [text(`${NRRD}encoding: gzip\ndata file: d.raw\n`), gzipSync(voxels)]]),
    ],
    gipl: await gipl(),
    dicom: [
      ...["explicit", "implicit", "big", "deflated", "rle"].map((syntax) =>
        seed([`${syntax}.dcm`, series({ syntax })]),
      ),
      seed(["series.zip", [zipped]]),
    ],
    series: [damagedSeries(dicomFiles)],
    jpeg2000: jpeg2000(series).map(seed),
    pictures: pictures(),
    documents: await documents(),
    models: models(await load("../inference/example-model.ts")),
  };
}

/** GIPL, plain and gzipped; it holds no directions. */
async function gipl() {
  const straight = { ...volume, geometry: { ...volume.geometry, direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] } };
  const bytes = new Uint8Array(await writeVolume("a.gipl", straight));
  return [
    { name: "a.gipl", files: [bytes] },
    { name: "a.gipl.gz", files: [new Uint8Array(gzipSync(bytes))] },
  ];
}

/** A DICOM series whose files are right and do not fit together, or are not all there. */
function damagedSeries({ formatSlice, seriesSlices }) {
  const damage = (random) => {
    const below = (n) => Math.floor(random() * n);
    let slices = seriesSlices(5, { rows: 5, columns: 6 });
    const others = [];
    const changes = [
      (slice) => ({ ...slice, series: "1.2.3.4" }),
      (slice) => ({ ...slice, rows: 6, values: undefined }),
      (slice) => ({ ...slice, orientation: [0, 1, 0, 1, 0, 0] }),
      (slice) => ({ ...slice, position: [slice.position[0], slice.position[1], slice.position[2] + random()] }),
      (slice) => ({ ...slice, tags: { ...slice.tags, x00280002: ["US", 1 + below(4)] } }),
      (slice) => ({ ...slice, tags: { ...slice.tags, x00280103: null } }),
      (slice) => ({ ...slice, tags: { ...slice.tags, x0020000d: ["UI", "1.2.3.9"] } }),
      (slice) => ({ ...slice, tags: { ...slice.tags, x00281053: ["DS", ["2", "0", "-1", "x"][below(4)]] } }),
    ];
    for (let times = 1 + below(2); times > 0; times--) {
      const at = below(slices.length);
      const kind = below(changes.length + 4);
      if (kind < changes.length) slices = slices.with(at, changes[kind](slices[at]));
      else if (kind === changes.length) slices = slices.toSpliced(at, 1);
      else if (kind === changes.length + 1) others.push(formatSlice(slices[at]));
      else if (kind === changes.length + 2) others.push(formatSlice(slices[at]).slice(0, below(600)));
      else others.push(new TextEncoder().encode("notes"));
    }
    return [...slices.map((slice) => formatSlice(slice)), ...others].map((bytes) => new Uint8Array(bytes));
  };
  return { name: "0.dcm", files: [], damage, everyFileCounts: true };
}

/** Model folders: each document of one, and one in a zip archive. */
function models({ complete }) {
  const folder = complete();
  const parse = (name) => (bytes) =>
    readModelFolder(
      Object.entries({ ...folder, [name]: bytes }).map(([path, content]) => scanFileFromBytes(path, content)),
      "m",
    );
  return [
    ...["m/plans.json", "m/dataset.json", "m/inference.json"].map((name) => ({
      name,
      files: [new Uint8Array(folder[name])],
      parse: parse(name),
    })),
    {
      name: "model.zip",
      files: [zipSync(folder)],
      parse: (bytes) => readModelFolder([scanFileFromBytes("model.zip", bytes)], "model.zip"),
    },
  ];
}

/** DICOM with JPEG 2000 pixels, as OpenJPEG writes them. */
function jpeg2000(series) {
  const golden = readFileSync(new URL("../golden/jpeg2000/codestreams.json", import.meta.url), "utf8");
  return JSON.parse(golden).map(({ name, lossless, stream }) => {
    const frame = new Uint8Array(Buffer.from(stream, "base64"));
    const syntax = lossless ? "jpeg2000Lossless" : "jpeg2000";
    return [
      `${name}.dcm`,
      series({ syntax, rows: 20, columns: 24, frame, tags: { x00280101: ["US", 16], x00280102: ["US", 15] } }),
    ];
  });
}

/** Archives of arrays, pickles, and the JSON that nnU-Net writes. */
async function documents() {
  const json = (value) => new TextEncoder().encode(JSON.stringify(value));
  const golden = readFileSync(new URL("../golden/v2-documents/old-plans.json", import.meta.url), "utf8");
  const dataset = {
    channel_names: { 0: "CT", 1: "MR" },
    labels: { background: 0, liver: [1, 2], tumour: 2, ignore: 3 },
    regions_class_order: [1, 2],
    numTraining: 10,
    file_ending: ".nii.gz",
  };
  const values = new NdArray(
    Float32Array.from({ length: 24 }, (_, i) => i / 7),
    [2, 3, 4],
  );
  const properties = new PyDict([
    ["spacing", [1.5, 2, 0.1]],
    ["class_locations", new PyDict([[1, [[1, 2, 3]]]])],
    ["name", "case"],
  ]);
  const entries = [
    ["case.npz", await writeNpz({ data: values, seg: values }, { compression: "fast" }), readNpz],
    ["case.pkl", formatPickle(properties), parsePickle],
    ["dataset.json", json(dataset), parseDatasetJson],
    ["nnUNetPlans.json", json(JSON.parse(golden).plans), parsePlans],
    ["splits_final.json", json([{ train: ["a", "b"], val: ["c"] }]), parseSplits],
  ];
  return entries.map(([name, bytes, parse]) => ({ name, files: [new Uint8Array(bytes)], parse }));
}

/** PNG, BMP and TIFF files of every kind, as Python's libraries write them. */
function pictures() {
  const golden = readFileSync(new URL("../golden/v2-readers/pictures.json", import.meta.url), "utf8");
  return JSON.parse(golden).flatMap(({ file, readings }) =>
    readings.map(({ reader }) => ({
      name: file.name,
      files: [new Uint8Array(Buffer.from(file.base64, "base64"))],
      reader,
    })),
  );
}

/** By a reader of nnU-Net v2, its channels one behind the other. */
async function readPicture({ name, files, reader }) {
  const { readerFor } = await import("../../dist/recipes/v2/readers/registry.js");
  const { readImages } = await readerFor(reader);
  const { channels, shape, properties } = await readImages([scanFileFromBytes(name, files[0])]);
  const { spacingMm } = properties;
  return { volume: { data: channels[0], shape, geometry: { spacingMm, originMm: [], direction: [] } } };
}

/** Reads a seed, or a damaged form of it, as a page would. */
export function readSeed(seed) {
  const { name, files } = seed;
  if (seed.reader !== undefined) return readPicture(seed);
  // A document is no volume: what it says is not judged, only how its reading ends.
  if (seed.parse !== undefined) return inFile(name, async () => seed.parse(files[0])).then(() => ({ volume }));
  const other = (i) => (name.endsWith(".dcm") ? `${i}.dcm` : "d.raw");
  const inputs = files.map((bytes, i) => scanFileFromBytes(i === 0 ? name : other(i), bytes));
  return seed.everyFileCounts ? readEveryFile(inputs) : readScan(inputs);
}

/** A file of a series is a slice of the volume, or something is said of it. */
async function readEveryFile(inputs) {
  const reading = await readScan(inputs);
  const { volume, warnings } = reading;
  if (volume.shape[0] >= inputs.length || warnings.length > 0) return reading;
  throw new Error(`${inputs.length} files became ${volume.shape[0]} slices without a word`);
}
