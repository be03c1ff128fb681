import { inFile, NnprepError } from "../core/errors.js";
import type { Geometry, Volume } from "../core/volume.js";
import type { ReadDicomOptions } from "./dicom.js";
import { readDicomSeries } from "./dicom-on-demand.js";
import { formatGipl, isGipl, readGipl, readGiplHeader } from "./gipl.js";
import { gunzipPrefix, isGzip } from "./gzip.js";
import { isMetaImage, readMetaImage, readMetaImageHeader } from "./metaimage.js";
import { formatMetaImage } from "./metaimage-writer.js";
import { formatNifti, needsPairedImage, type ReadNiftiOptions, readNifti, readNiftiHeader } from "./nifti.js";
import { niftiVersion } from "./nifti-fields.js";
import { isNrrd, readNrrd, readNrrdHeader } from "./nrrd.js";
import { formatNrrd } from "./nrrd-writer.js";
import { type ScanFile, type ScanReading, scanFileFromBlob, scanFileFromBytes } from "./scan-file.js";
import { itemSizeOf, type VoxelDtype } from "./voxel-bytes.js";
import type { FindCompanion, VoxelSource } from "./voxel-source.js";

/** What a format may need besides the bytes of the file itself. */
export interface ReadVolumeOptions {
  /** Bytes of the file that holds the voxels when `bytes` are only a header (.hdr with .img). */
  readonly pairedImage?: Uint8Array;
  /** Further files among which a header (.mhd, .nhdr, .hdr) finds the one with its voxels, by name. */
  readonly companions?: readonly ScanInput[];
}

/** What reading a scan may need beside its files. */
export interface ReadScanOptions {
  /** Which DICOM series, and what is accepted of it. */
  readonly dicom?: ReadDicomOptions;
  /** What is accepted of NIfTI files, and what voxels that are not finite become. */
  readonly nifti?: ReadNiftiOptions;
}

/** A file of any kind: bytes with a name, a page's `File`. */
export type ScanInput = ScanFile | Blob;

/** How a file's voxels are stored; what there is to know before they are read. */
export interface StoredScan {
  readonly shape: Volume["shape"];
  readonly dtype: VoxelDtype;
  readonly geometry: Geometry;
  /** Whether values are stored times a slope plus an intercept. */
  readonly scaled: boolean;
  readonly compressed: boolean;
}

/** One file format of scans and labels. */
interface VolumeFormat {
  readonly name: string;
  /** Endings of file names, lower case. */
  readonly endings: readonly string[];
  /** Whether a file that begins like this (inflated if it was gzipped) is of this format. */
  matches(head: Uint8Array): boolean;
  read(file: ScanFile, find: FindCompanion, options: ReadScanOptions): Promise<ScanReading>;
  readHeader(file: ScanFile): Promise<StoredScan>;
}

/** Enough of a gzipped file to hold its header. */
const GZIPPED_HEAD = 65536;

/** In the order in which they are asked. */
const FORMATS: readonly VolumeFormat[] = [
  {
    name: "NIfTI",
    endings: [".nii", ".nii.gz", ".hdr", ".hdr.gz"],
    matches: (head) => niftiVersion(head) !== 0,
    read: readNiftiFile,
    async readHeader(file) {
      const head = await file.read(0, GZIPPED_HEAD);
      const { shape, dtype, geometry, slope, inter } = readNiftiHeader(head);
      return { shape, dtype, geometry, scaled: slope !== 1 || inter !== 0, compressed: isGzip(head) };
    },
  },
  {
    name: "MetaImage",
    endings: [".mha", ".mhd"],
    matches: isMetaImage,
    read: readMetaImage,
    readHeader: async (file) => storedOf(await readMetaImageHeader(file)),
  },
  {
    name: "NRRD",
    endings: [".nrrd", ".nhdr"],
    matches: isNrrd,
    read: readNrrd,
    readHeader: async (file) => storedOf(await readNrrdHeader(file)),
  },
  {
    name: "GIPL",
    endings: [".gipl", ".gipl.gz"],
    matches: isGipl,
    read: readGipl,
    readHeader: async (file) => storedOf(await readGiplHeader(file)),
  },
  {
    name: "DICOM",
    endings: [".dcm", ".ima"],
    matches: (head) => String.fromCharCode(...head.subarray(128, 132)) === "DICM",
    read: (file, _, { dicom }) => readDicomSeries([file], dicom),
    readHeader: refuseHeader,
  },
  {
    name: "DICOM in a zip archive",
    endings: [".zip"],
    matches: (head) => [0x50, 0x4b, 3, 4].every((byte, i) => head[i] === byte),
    read: (file, _, { dicom }) => readDicomSeries([file], dicom),
    readHeader: refuseHeader,
  },
];

/** What a header says that describes the voxels as they are stored. */
function storedOf({ shape, dtype, geometry, encoding }: VoxelSource & { readonly geometry: Geometry }): StoredScan {
  return { shape, dtype, geometry, scaled: false, compressed: encoding !== "raw" };
}

async function refuseHeader(): Promise<never> {
  throw new NnprepError("UNSUPPORTED", "a DICOM series has no header of its own; read it whole", {});
}

/** How much of a file is looked at to tell its format. */
const HEAD_LENGTH = 1024;

async function readNiftiFile(
  file: ScanFile,
  find: FindCompanion,
  { nifti = {} }: ReadScanOptions,
): Promise<ScanReading> {
  const bytes = await file.read();
  if (!needsPairedImage(bytes)) return readNifti(bytes, nifti);
  const stem = file.name.slice(Math.max(file.name.lastIndexOf("/"), file.name.lastIndexOf("\\")) + 1);
  const names = [".img", ".img.gz"].map((ending) => stem.replace(/\.hdr(\.gz)?$/i, "") + ending);
  const image = (await find(names[0])) ?? (await find(names[1]));
  if (image !== undefined) return readNifti(bytes, { ...nifti, pairedImage: await image.read() });
  throw new NnprepError(
    "FILE_NOT_FOUND",
    `NIfTI header of a pair (.hdr and .img): "${names[0]}" is needed too; give that file along, in the folder of its header`,
    { expected: names[0] },
  );
}

/** The format that the content tells; undefined if it tells none. */
async function formatByContent(file: ScanFile): Promise<VolumeFormat | undefined> {
  const start = await file.read(0, 4 * HEAD_LENGTH);
  const head = isGzip(start) ? gunzipPrefix(start, HEAD_LENGTH) : start.subarray(0, HEAD_LENGTH);
  return FORMATS.find((format) => format.matches(head));
}

function formatByName({ name }: ScanFile): VolumeFormat | undefined {
  const lower = name.toLowerCase();
  return FORMATS.find((format) => format.endings.some((ending) => lower.endsWith(ending)));
}

/** Whether content or name tell a format that can be read; damaged files count by their names. */
export async function isScanFile(file: ScanFile): Promise<boolean> {
  return ((await formatByContent(file)) ?? formatByName(file)) !== undefined;
}

async function formatOf(file: ScanFile): Promise<VolumeFormat> {
  const found = (await formatByContent(file)) ?? formatByName(file);
  if (found !== undefined) return found;
  const known = FORMATS.map((format) => `${format.name} (${format.endings.join(", ")})`).join(", ");
  throw new NnprepError(
    "UNSUPPORTED",
    file.byteLength === 0 ? "the file is empty" : `neither content nor name tells a format that can be read: ${known}`,
    { byteLength: file.byteLength },
  );
}

function asScanFile(input: ScanInput): ScanFile {
  return input instanceof Blob ? scanFileFromBlob(input) : input;
}

/**
 * Reads a scan or a label, whatever its format (told by the content first, by the name second), with what its user
 * should know about it. `find` gives files beside it, for headers whose voxels are in another file.
 * Throws CORRUPT_FILE, UNSUPPORTED or FILE_NOT_FOUND.
 */
export async function readScanFile(
  file: ScanFile,
  find: FindCompanion,
  options: ReadScanOptions = {},
): Promise<ScanReading> {
  return inFile(file.name, async () => {
    const reading = await (await formatOf(file)).read(file, find, options);
    const { geometry } = reading.volume;
    checkGeometry(geometry);
    return { ...reading, warnings: [...reading.warnings, ...geometryWarnings(geometry)] };
  });
}

/** ITK passes such numbers on; nothing can be done with them. */
function checkGeometry({ spacingMm, originMm, direction }: Geometry): void {
  if ([...spacingMm, ...originMm, ...direction].every(Number.isFinite)) return;
  throw new NnprepError(
    "CORRUPT_FILE",
    `spacing [${spacingMm.join(", ")}], origin [${originMm.join(", ")}], direction [${direction.join(", ")}] found, finite numbers expected; the header is damaged`,
    { spacingMm, originMm, direction },
  );
}

/** What a file's header says, without its voxels. Throws CORRUPT_FILE or UNSUPPORTED. */
export async function readScanHeader(file: ScanFile): Promise<StoredScan> {
  return inFile(file.name, async () => (await formatOf(file)).readHeader(file));
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

function folderOf(path: string): string {
  return path.slice(0, path.length - baseName(path).length);
}

/**
 * Files that are given along with a header. A name with folders is that of the file in this place and no other; one
 * without is that of the file beside the header, or of the only one where it is not known in which folder one of them
 * lies (a page's files).
 */
function amongFiles(files: readonly ScanFile[], header: string): FindCompanion {
  return async (name) => {
    const slashed = (path: string) => path.replaceAll("\\", "/");
    const beside = files.find((file) => slashed(file.name) === slashed(folderOf(header)) + name);
    if (beside !== undefined || name.includes("/")) return beside;
    const named = files.filter((file) => baseName(file.name) === name);
    const unplaced = folderOf(header) === "" || named.some((file) => folderOf(file.name) === "");
    return named.length === 1 && unplaced ? named[0] : undefined;
  };
}

/** The files of several that are a scan's own or its header; the others may hold its voxels. */
async function mainFiles(files: readonly ScanFile[]): Promise<{ mains: ScanFile[]; dicom: boolean }> {
  const formats = await Promise.all(files.map((file) => inFile(file.name, () => formatByContent(file))));
  const told = files.filter((_, i) => formats[i] !== undefined);
  // A header whose beginning is damaged is still known by its name.
  const mains = told.length > 0 ? told : files.filter((file) => formatByName(file) !== undefined);
  return { mains, dicom: formats.some((format) => format?.name.startsWith("DICOM")) };
}

/**
 * Reads one scan or label from its files: one file, a header (.mhd, .nhdr, .hdr) and the file with its voxels, or the
 * files of a DICOM series, perhaps among others. Warnings tell what is assumed or unusual: sheared or oblique axes,
 * missing fields, left-over bytes.
 * Throws CORRUPT_FILE, UNSUPPORTED, FILE_NOT_FOUND, GEOMETRY_MISMATCH for a doubtful DICOM series, or INVALID_ARGUMENT
 * for files that are not one scan.
 *
 * @example
 * ```ts
 * import { readScan, scanFileFromBytes } from "nnprep";
 * import { readFile } from "node:fs/promises";
 *
 * const { volume, warnings } = await readScan([scanFileFromBytes("t1.nii.gz", await readFile("t1.nii.gz"))]);
 * console.log(volume.shape, volume.geometry.spacingMm, warnings); // slowest axis first
 * ```
 */
export async function readScan(
  input: ScanInput | readonly ScanInput[],
  options: ReadScanOptions = {},
): Promise<ScanReading> {
  const files = ([] as ScanInput[]).concat(input).map(asScanFile);
  const [first] = files;
  if (first === undefined) throw new NnprepError("INVALID_ARGUMENT", "no file was given; a scan needs at least one");
  if (files.length === 1) return readScanFile(first, amongFiles([], first.name), options);
  const { mains, dicom } = await mainFiles(files);
  if (dicom) {
    const { volume, warnings } = await readDicomSeries(files, options.dicom);
    return { volume, warnings: [...warnings, ...geometryWarnings(volume.geometry)] };
  }
  if (mains.length === 1) return readScanFile(mains[0], amongFiles(files, mains[0].name), options);
  const names = (mains.length === 0 ? files : mains).map(({ name }) => name);
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `${mains.length} scans in ${files.length} files (${names.slice(0, 5).join(", ")}); give the files of one scan at a time`,
    { file: first.name, found: names },
  );
}

/**
 * Reads a scan or a label from bytes, whatever its format: told by the content first and by the name second.
 * `name` is the file's name or path; errors name it. {@link readScan} does the same and tells what is unusual.
 * Throws CORRUPT_FILE, UNSUPPORTED or FILE_NOT_FOUND.
 */
export async function readVolume(name: string, bytes: Uint8Array, options?: ReadVolumeOptions): Promise<Volume>;
/** Reads a scan or a label from a `File`, or from several that belong together. */
export async function readVolume(input: ScanInput | readonly ScanInput[], options?: ReadScanOptions): Promise<Volume>;
export async function readVolume(
  input: string | ScanInput | readonly ScanInput[],
  second?: Uint8Array | ReadScanOptions,
  { pairedImage, companions = [] }: ReadVolumeOptions = {},
): Promise<Volume> {
  if (typeof input !== "string") return (await readScan(input, second as ReadScanOptions | undefined)).volume;
  const file = scanFileFromBytes(input, second as Uint8Array);
  const others = companions.map(asScanFile);
  const find: FindCompanion =
    pairedImage === undefined ? amongFiles(others, input) : async (name) => scanFileFromBytes(name, pairedImage);
  return (await readScanFile(file, find)).volume;
}

/** Column j of the direction matrix. */
function axisOf({ direction: d }: Geometry, j: number): number[] {
  return [d[j], d[3 + j], d[6 + j]];
}

/** How the sentence on oblique axes begins. */
const OBLIQUE = "oblique: ";

/** The warnings of a reader that give reason to doubt: all but the one on oblique axes, which are common. */
export function doubtfulWarnings(warnings: readonly string[]): string[] {
  return warnings.filter((text) => !text.startsWith(OBLIQUE));
}

/** Sentences on axes that are not at right angles, or not along the patient's. */
export function geometryWarnings(geometry: Geometry): string[] {
  const axes = [0, 1, 2].map((j) => axisOf(geometry, j));
  const lengths = axes.map((axis) => Math.sqrt(axis.reduce((sum, x) => sum + x * x, 0)));
  const cosine = (i: number, j: number) =>
    axes[i].reduce((sum, x, k) => sum + x * axes[j][k], 0) / (lengths[i] * lengths[j]);
  const toDegrees = (cos: number) => (Math.acos(Math.min(1, Math.abs(cos))) * 180) / Math.PI;
  const worst = Math.max(Math.abs(cosine(0, 1)), Math.abs(cosine(0, 2)), Math.abs(cosine(1, 2)));
  const warnings: string[] = [];
  if (worst > 1e-4) {
    warnings.push(
      `sheared: two axes are ${toDegrees(worst).toFixed(2)} degrees apart, not 90; the grid is kept as it is, but nnU-Net takes it for rectangular`,
    );
  }
  if (lengths.some((length) => Math.abs(length - 1) > 1e-3)) {
    warnings.push(`the axes' directions have the lengths ${lengths.map((x) => x.toFixed(4)).join(", ")}, not 1`);
  }
  const tilt = Math.max(...axes.map((axis, j) => toDegrees(Math.max(...axis.map(Math.abs)) / lengths[j])));
  if (tilt > 0.5) {
    warnings.push(
      `${OBLIQUE}the axes are up to ${tilt.toFixed(1)} degrees off the patient's; the grid is kept as it is`,
    );
  }
  return warnings;
}

/** What `writeVolume` can write, by the ending of the name. */
const WRITERS: readonly (readonly [
  RegExp,
  (volume: Volume, options: { compress: boolean; planar: boolean }) => Promise<Uint8Array<ArrayBuffer>>,
])[] = [
  [/\.nii\.gz$/i, (volume, { planar }) => formatNifti(volume, { gzip: true, keepForms: true, planar })],
  [/\.nii$/i, (volume, { planar }) => formatNifti(volume, { gzip: false, keepForms: true, planar })],
  [/\.mha$/i, formatMetaImage],
  [/\.nrrd$/i, formatNrrd],
  [/\.gipl$/i, formatGipl],
];

/** Whether `writeVolume` knows the ending of this name. */
export function canWriteVolume(name: string): boolean {
  return WRITERS.some(([ending]) => ending.test(name));
}

/**
 * Writes a scan or a label in the format that the name's ending says: .nii, .nii.gz, .mha, .nrrd or .gipl (MetaImage
 * and NRRD compressed unless `compress` is false; with `planar` a volume of depth 1 as an image of two axes). A volume read from NIfTI, or a label on its grid that took `niftiForms` over,
 * gets that file's own qform, sform and codes.
 * Throws UNSUPPORTED for another ending, INVALID_ARGUMENT for a geometry that makes no sense.
 *
 * @example
 * ```ts
 * import { readScanPath, writeVolume } from "nnprep";
 * import { writeFile } from "node:fs/promises";
 *
 * const { volume } = await readScanPath("t1.nii.gz");
 * const twice = Float32Array.from(volume.data, (value) => 2 * Number(value));
 * await writeFile("twice.nrrd", await writeVolume("twice.nrrd", { ...volume, data: twice }));
 * ```
 */
export async function writeVolume(
  name: string,
  volume: Volume,
  { compress = true, planar = false }: { readonly compress?: boolean; readonly planar?: boolean } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const write = WRITERS.find(([ending]) => ending.test(name))?.[1];
  if (write !== undefined) return inFile(name, () => write(volume, { compress, planar }));
  throw new NnprepError(
    "UNSUPPORTED",
    `${name}: no format to write has this ending; use .nii.gz, .nii, .mha, .nrrd or .gipl (headers with a file of their own, .mhd and .nhdr, are only read)`,
    { file: name },
  );
}

/** Bytes that a voxel takes in the file. */
export function storedBytesPerVoxel({ dtype }: StoredScan): number {
  return itemSizeOf(dtype);
}
