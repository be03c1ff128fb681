import {
  NnprepError,
  type ReadScanOptions,
  readScan,
  type ScanFile,
  type ScanReading,
  scanFileFromBlob,
  type Volume,
  type VoxelArray,
} from "nnprep";
import { type Finding, verifyCase } from "nnprep/dataset";
import type { DicomAllowance, NiftiAllowance } from "nnprep/io";
import { matchGrid, turnedWarning } from "nnprep/steps";
import { forPage } from "./page-words.js";
import type { CaseFiles, PathFile } from "./protocol.js";

export interface ReadCase {
  readonly name: string;
  readonly images: readonly Volume[];
  /** With its axes as the scan has them. */
  readonly label: Volume | undefined;
  readonly files: { readonly images: readonly string[]; readonly label: string | null };
  readonly findings: readonly Finding[];
  readonly orientation: string;
  /** Whether what was given as scan has the voxels of a label. */
  readonly scanIsLabel: boolean;
  /** What the user should know about how the files were read. */
  readonly warnings: readonly string[];
}

interface ReadScans {
  readonly volumes: readonly Volume[];
  readonly names: readonly string[];
  readonly warnings: readonly string[];
  readonly isDicom: boolean;
}

/** Endings of files that hold voxels only: their header (.hdr, .mhd, .nhdr) is beside them. */
const VOXELS_ONLY = /\.(img|raw|zraw|bin)(\.gz)?$/i;
/** Whole numbers from 0 on of which a scan has more, and a label rarely has as many. */
const MOST_LABELS = 64;

/**
 * The first file that is DICOM or a zip of it. DICOM says so in its bytes 128 to 131; files of a series often have no
 * ending, and other files lie beside them.
 */
async function findDicom(files: readonly ScanFile[]): Promise<ScanFile | undefined> {
  for (const file of files) {
    if (/\.zip$/i.test(file.name)) return file;
    if (String.fromCharCode(...(await file.read(128, 132))) === "DICM") return file;
  }
  return undefined;
}

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const scanFile = ({ path, file }: PathFile): ScanFile => scanFileFromBlob(file, path);

/** One volume per channel: a file or header each, or one DICOM series out of all the files. */
async function readScans(
  { scans }: CaseFiles,
  options: ReadScanOptions,
  onProgress: (share: number) => void,
): Promise<ReadScans> {
  const files = scans.map(scanFile).sort((a, b) => (a.name < b.name ? -1 : 1));
  const first = files[0];
  if (first === undefined) throw new NnprepError("INVALID_ARGUMENT", "no scan was given; choose a file");
  const headers = files.filter(({ name }) => !VOXELS_ONLY.test(name));
  const slice = await findDicom(files);
  if (headers.length === 0 || slice !== undefined) {
    const { volume, warnings } = await readScan(files, options);
    return { volumes: [volume], names: [(slice ?? first).name], warnings, isDicom: slice !== undefined };
  }
  const beside = files.filter((file) => !headers.includes(file));
  const readings: ScanReading[] = [];
  for (const header of headers) {
    readings.push(await readScan([header, ...beside], options));
    onProgress(readings.length / headers.length);
  }
  return {
    volumes: readings.map(({ volume }) => volume),
    names: headers.map(({ name }) => name),
    warnings: readings.flatMap(({ warnings }, i) => warnings.map((text) => `${headers[i]?.name}: ${text}`)),
    isDicom: false,
  };
}

/** Whole numbers from 0 on that a label has: without a dataset.json all of them are welcome. */
function labelValues(data: VoxelArray): number[] {
  const values = new Set<number>();
  let last = Number.NaN;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (value === last) continue;
    last = value;
    if (Number.isInteger(value) && value >= 0) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

/** Whether the voxels are few whole numbers from 0 on, and most of them 0: a label in the place of a scan. */
function looksLikeLabel(data: VoxelArray): boolean {
  const values = new Set<number>();
  let last = Number.NaN;
  let zeros = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (value === 0) zeros++;
    if (value === last) continue;
    last = value;
    if (!Number.isInteger(value) || value < 0) return false;
    values.add(value);
    if (values.size > MOST_LABELS) return false;
  }
  return values.size > 1 && zeros > data.length / 2;
}

function caseName(path: string): string {
  return (
    baseName(path)
      .replace(/(_\d{4})?\.(nii|hdr|img|mha|mhd|nrrd|nhdr|dcm)(\.gz)?$/i, "")
      .replace(/[^\w.-]+/g, "_") || "case"
  );
}

/**
 * The label with its axes as the scan has them, if their voxels are the same; as it is if not, which is found later.
 * @param isDicom a label of a DICOM series is in another format, whose header may round otherwise
 */
async function readLabel(
  given: PathFile,
  scan: Volume,
  scanName: string,
  isDicom: boolean,
  options: ReadScanOptions,
): Promise<{ label: Volume; warnings: string[] }> {
  const reading = await readScan([scanFile(given)], options);
  const matched = matchGrid(reading.volume, scan);
  const warnings = reading.warnings.map((text) => `${given.path}: ${text}`);
  if (matched?.turned === true) warnings.push(`${given.path}: ${turnedWarning(scanName)}`);
  const isMatched = matched !== null && (matched.turned || isDicom);
  return { label: isMatched ? matched.volume : reading.volume, warnings };
}

/** Reads the files of a case and looks for everything that would go wrong later. */
export async function readCase(files: CaseFiles, onProgress: (share: number) => void): Promise<ReadCase> {
  const allow = files.allow as readonly (DicomAllowance & NiftiAllowance)[];
  const options: ReadScanOptions = {
    dicom: {
      allow,
      ...(files.series === null ? {} : { series: files.series }),
      decoder: { pipelinesBaseUrl: files.pipelinesUrl },
      onProgress: (done, total) => onProgress(done / total),
    },
    nifti: { allow },
  };
  const { volumes, names, warnings, isDicom } = await readScans(files, options, onProgress);
  const [first, image] = [names[0], volumes[0]];
  if (first === undefined || image === undefined) {
    throw new NnprepError("INVALID_ARGUMENT", "no scan was given; choose a file, with .img its .hdr");
  }
  const read = files.label === null ? undefined : await readLabel(files.label, image, first, isDicom, options);
  const { findings, axisCodes } = verifyCase(
    volumes.map((volume, i) => ({ file: names[i] as string, volume })),
    files.label === null || read === undefined ? null : { file: files.label.path, volume: read.label },
    read === undefined ? [] : labelValues(read.label.data),
  );
  return {
    name: caseName(first),
    images: volumes,
    label: read?.label,
    files: { images: names, label: files.label?.path ?? null },
    findings: findings.map(forPage),
    orientation: axisCodes[0]?.codes ?? "",
    scanIsLabel: looksLikeLabel(image.data),
    warnings: [...warnings, ...(read?.warnings ?? [])],
  };
}
