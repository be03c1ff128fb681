import {
  type Finding,
  NnprepError,
  readDicomSeries,
  readVolume,
  scanFileFromBlob,
  type Volume,
  type VoxelArray,
  verifyCase,
} from "nnprep";
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

const bytesOf = async (file: File): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer());

/** A header with its voxels beside it (.hdr and .img) is one file. */
async function readOne(file: File, paired: File | undefined): Promise<Volume> {
  const bytes = await bytesOf(file);
  return readVolume(file.name, bytes, paired === undefined ? {} : { pairedImage: await bytesOf(paired) });
}

interface ReadScans {
  readonly volumes: readonly Volume[];
  readonly names: readonly string[];
  readonly warnings: readonly string[];
}

/** DICOM says so in its bytes 128 to 131; files of a series often have no ending. */
async function isDicom(file: File): Promise<boolean> {
  if (/\.zip$/i.test(file.name)) return true;
  const mark = new Uint8Array(await file.slice(128, 132).arrayBuffer());
  return String.fromCharCode(...mark) === "DICM";
}

async function readSeries(
  files: readonly File[],
  pipelinesBaseUrl: string,
  onProgress: (share: number) => void,
): Promise<ReadScans> {
  const { volume, series, warnings } = await readDicomSeries(
    files.map((file) => scanFileFromBlob(file)),
    { decoder: { pipelinesBaseUrl }, onProgress: (done, total) => onProgress(done / total) },
  );
  return { volumes: [volume], names: [`${series.description || "series"}.dcm`], warnings };
}

async function readScans(
  { scans: files, pipelinesUrl }: CaseFiles,
  onProgress: (share: number) => void,
): Promise<ReadScans> {
  const byName = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const file of byName) if (await isDicom(file)) return readSeries(byName, pipelinesUrl, onProgress);
  const pixels = byName.filter(({ name }) => /\.img(\.gz)?$/i.test(name));
  const headers = byName.filter((file) => !pixels.includes(file));
  const volumes: Volume[] = [];
  for (const [i, file] of headers.entries()) {
    const stem = file.name.replace(/\.hdr(\.gz)?$/i, "");
    const paired = stem === file.name ? undefined : pixels.find(({ name }) => name.startsWith(`${stem}.img`));
    volumes.push(await readOne(file, paired));
    onProgress((i + 1) / headers.length);
  }
  return { volumes, names: headers.map(({ name }) => name), warnings: [] };
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
  const labelVolume = label === null ? undefined : await readOne(label, undefined);
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
