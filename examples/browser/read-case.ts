import { type Finding, NnprepError, readVolume, type Volume, type VoxelArray, verifyCase } from "nnprep";
import type { CaseFiles } from "./protocol.js";

export interface ReadCase {
  readonly name: string;
  readonly images: readonly Volume[];
  readonly label: Volume | undefined;
  readonly files: { readonly images: readonly string[]; readonly label: string | null };
  readonly findings: readonly Finding[];
  readonly orientation: string;
}

const bytesOf = async (file: File): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer());

/** A header with its voxels beside it (.hdr and .img) is one file. */
async function readOne(file: File, paired: File | undefined): Promise<Volume> {
  const bytes = await bytesOf(file);
  return readVolume(file.name, bytes, paired === undefined ? {} : { pairedImage: await bytesOf(paired) });
}

async function readScans(files: readonly File[]): Promise<{ volumes: Volume[]; names: string[] }> {
  const byName = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const pixels = byName.filter(({ name }) => /\.img(\.gz)?$/i.test(name));
  const headers = byName.filter((file) => !pixels.includes(file));
  const volumes: Volume[] = [];
  for (const file of headers.length > 0 ? headers : pixels) {
    const stem = file.name.replace(/\.hdr(\.gz)?$/i, "");
    const paired = stem === file.name ? undefined : pixels.find(({ name }) => name.startsWith(`${stem}.img`));
    volumes.push(await readOne(file, paired));
  }
  return { volumes, names: (headers.length > 0 ? headers : pixels).map(({ name }) => name) };
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
export async function readCase({ scans, label }: CaseFiles): Promise<ReadCase> {
  const { volumes, names } = await readScans(scans);
  const first = names[0];
  if (first === undefined) throw new NnprepError("INVALID_ARGUMENT", "no scan was given; choose a file");
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
  };
}
