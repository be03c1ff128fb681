import { NnprepError, readScan, type ScanReading, type Volume, type VoxelArray } from "nnprep";
import { type Finding, verifyCase } from "nnprep/dataset";
import type { CaseFiles } from "./protocol.js";

export interface ReadCase {
  readonly name: string;
  readonly images: readonly Volume[];
  readonly label: Volume | undefined;
  readonly files: { readonly images: readonly string[]; readonly label: string | null };
  readonly findings: readonly Finding[];
  readonly orientation: string;
  /** What the user should know about how the files were read. */
  readonly warnings: readonly string[];
}

interface ReadScans {
  readonly volumes: readonly Volume[];
  readonly names: readonly string[];
  readonly warnings: readonly string[];
}

/** Endings of files that hold voxels only: their header (.hdr, .mhd, .nhdr) is beside them. */
const VOXELS_ONLY = /\.(img|raw|zraw|bin)(\.gz)?$/i;

/**
 * The first file that is DICOM or a zip of it. DICOM says so in its bytes 128 to 131; files of a series often have no
 * ending, and other files lie beside them.
 */
async function findDicom(files: readonly File[]): Promise<File | undefined> {
  for (const file of files) {
    if (/\.zip$/i.test(file.name)) return file;
    const mark = new Uint8Array(await file.slice(128, 132).arrayBuffer());
    if (String.fromCharCode(...mark) === "DICM") return file;
  }
  return undefined;
}

/** One volume per channel: a file or header each, or one DICOM series out of all the files. */
async function readScans({ scans, pipelinesUrl }: CaseFiles, onProgress: (share: number) => void): Promise<ReadScans> {
  const files = [...scans].sort((a, b) => (a.name < b.name ? -1 : 1));
  const dicom = {
    decoder: { pipelinesBaseUrl: pipelinesUrl },
    onProgress: (done: number, total: number) => onProgress(done / total),
  };
  const first = files[0];
  if (first === undefined) throw new NnprepError("INVALID_ARGUMENT", "no scan was given; choose a file");
  const headers = files.filter(({ name }) => !VOXELS_ONLY.test(name));
  const slice = await findDicom(files);
  if (headers.length === 0 || slice !== undefined) {
    const { volume, warnings } = await readScan(files, { dicom });
    return { volumes: [volume], names: [(slice ?? first).name], warnings };
  }
  const beside = files.filter((file) => !headers.includes(file));
  const readings: ScanReading[] = [];
  for (const header of headers) {
    readings.push(await readScan([header, ...beside]));
    onProgress(readings.length / headers.length);
  }
  return {
    volumes: readings.map(({ volume }) => volume),
    names: headers.map(({ name }) => name),
    warnings: readings.flatMap(({ warnings }, i) => warnings.map((text) => `${headers[i]?.name}: ${text}`)),
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

function caseName(file: string): string {
  return (
    file.replace(/(_\d{4})?\.(nii|hdr|img|mha|mhd|nrrd|nhdr|dcm)(\.gz)?$/i, "").replace(/[^\w.-]+/g, "_") || "case"
  );
}

/** Reads the files of a case and looks for everything that would go wrong later. */
export async function readCase(files: CaseFiles, onProgress: (share: number) => void): Promise<ReadCase> {
  const { label } = files;
  const { volumes, names, warnings } = await readScans(files, onProgress);
  const first = names[0];
  if (first === undefined)
    throw new NnprepError("INVALID_ARGUMENT", "no scan was given; choose a file, with .img its .hdr");
  const labelVolume = label === null ? undefined : (await readScan(label)).volume;
  const { findings, axisCodes } = verifyCase(
    volumes.map((volume, i) => ({ file: names[i] as string, volume })),
    label === null || labelVolume === undefined ? null : { file: label.name, volume: labelVolume },
    labelVolume === undefined ? [] : labelValues(labelVolume.data),
  );
  return {
    name: caseName(first),
    images: volumes,
    label: labelVolume,
    files: { images: names, label: label?.name ?? null },
    // There is no dataset.json here that could be named.
    findings: findings.map((finding) => ({
      ...finding,
      expected: finding.expected.replace(/^the labels of dataset\.json: .*/, "whole numbers from 0 on"),
      action: finding.action.replace(", or add the values to labels in dataset.json", ""),
    })),
    orientation: axisCodes[0]?.codes ?? "",
    warnings,
  };
}
