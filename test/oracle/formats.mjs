// Second table of `npm run conformance`: every NIfTI, MetaImage and NRRD file of a folder, read and written, beside
// SimpleITK and nibabel. To add another kind of file, add a reader to READERS: what it gives is compared by formats.py.
//
// node test/oracle/formats.mjs SCANS PYTHON FOLDER
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { NnprepError, readScan, writeVolume } from "../../dist/node.js";
import { readVolume } from "../../dist/public/io.js";

const [scans, python, folder] = process.argv.slice(2);
const written = join(folder, "formats");

/** A file and those beside it, as a page would hand them over. */
function files(path) {
  const ending = /\.(mhd|mha|nhdr|hdr)$/.test(path);
  const names = ending ? readdirSync(dirname(path)).filter((name) => /\.(z?raw|img|gz)$/.test(name)) : [];
  return [path, ...names.map((name) => join(dirname(path), name)).filter((other) => other !== path)];
}

async function readAmong(path) {
  const [bytes, ...others] = files(path).map((file) => new File([readFileSync(file)], basename(file)));
  if (others.length === 0) return readScan(bytes);
  const name = bytes.name;
  const companions = others;
  const volume = await readVolume(name, new Uint8Array(await bytes.arrayBuffer()), { companions });
  return { volume, warnings: [] };
}

const READERS = [{ matches: (path) => /\.(nii|nii\.gz|hdr|mha|mhd|nrrd|nhdr)$/.test(path), read: readAmong }];

/** SHA-256 of the voxels as float64, which holds every value of every type that is read. */
function hash(data) {
  const sum = createHash("sha256");
  for (let at = 0; at < data.length; at += 1 << 20) {
    sum.update(new Uint8Array(Float64Array.from(data.subarray(at, at + (1 << 20))).buffer));
  }
  return sum.digest("hex");
}

function facts({ data, shape, geometry }) {
  const [z, y, x] = geometry.spacingMm;
  return { shape, spacing: [x, y, z], origin: geometry.originMm, direction: geometry.direction, hash: hash(data) };
}

/** Largest relative difference of two geometries. */
function difference(a, b) {
  const list = (g) => [...g.spacing, ...g.origin, ...g.direction];
  return Math.max(...list(a).map((x, i) => Math.abs(x - list(b)[i]) / Math.max(1, Math.abs(x))));
}

/** Voxels on axes towards right, anterior, superior, fastest first. */
function canonical({ data, shape, geometry: { direction: d } }) {
  const sizes = [shape[2], shape[1], shape[0]];
  const strides = [1, sizes[0], sizes[0] * sizes[1]];
  // Row 0 and 1 of the matrix point left and posterior.
  const axis = [0, 1, 2].map((row) => [0, 1, 2].sort((p, q) => Math.abs(d[3 * row + q]) - Math.abs(d[3 * row + p]))[0]);
  const flip = axis.map((j, row) => (row < 2 ? d[3 * row + j] > 0 : d[3 * row + j] < 0));
  const result = new Float64Array(data.length);
  let at = 0;
  for (let s = 0; s < sizes[axis[2]]; s++) {
    for (let a = 0; a < sizes[axis[1]]; a++) {
      for (let r = 0; r < sizes[axis[0]]; r++) {
        const index = [r, a, s].map((n, row) => (flip[row] ? sizes[axis[row]] - 1 - n : n));
        result[at++] = data[index.reduce((sum, n, row) => sum + n * strides[axis[row]], 0)];
      }
    }
  }
  return hash(result);
}

async function examine(path, read, number) {
  const record = { file: relative(scans, path), copies: [] };
  try {
    const { volume, warnings } = await read(path);
    Object.assign(record, facts(volume), { warnings });
    if (path.includes("orient")) record.canonical = canonical(volume);
    for (const ending of ["nii.gz", "nii", "mha", "nrrd"]) {
      const copy = join(written, `${number}.${ending}`);
      const bytes = await writeVolume(copy, volume);
      writeFileSync(copy, bytes);
      const again = facts(await readVolume(copy, bytes));
      record.copies.push({ copy, same: again.hash === record.hash, geometry: difference(again, record) });
    }
  } catch (error) {
    if (!(error instanceof NnprepError)) throw error;
    record.error = { code: error.code, message: error.message };
  }
  return record;
}

rmSync(written, { recursive: true, force: true });
mkdirSync(written, { recursive: true });
const records = [];
for (const path of readdirSync(scans, { recursive: true, encoding: "utf8" }).sort()) {
  const reader = READERS.find(({ matches }) => matches(path));
  if (reader !== undefined) records.push(await examine(join(scans, path), reader.read, records.length));
}
const report = join(written, "ours.json");
writeFileSync(report, JSON.stringify(records));
const { status } = spawnSync(python, ["test/oracle/formats.py", scans, report], { stdio: "inherit" });
process.exitCode = status ?? 1;
