import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type DicomDecoder,
  type DicomDecoderOptions,
  type DicomFileBytes,
  decoderMissing,
  type PackageImage,
  stackOf,
} from "./dicom-decoder.js";

interface Package {
  readImageDicomFileSeriesNode(options: {
    inputImages: string[];
    singleSortedSeries: boolean;
  }): Promise<{ outputImage: PackageImage }>;
}

/** Throws UNSUPPORTED when the package is not installed. */
export async function openDecoder(_options: DicomDecoderOptions): Promise<DicomDecoder> {
  let dicom: Package;
  try {
    dicom = (await import("@itk-wasm/dicom")) as unknown as Package;
  } catch (error) {
    throw decoderMissing(error);
  }
  return { decode: (files) => decodeInFolder(dicom, files), close: () => undefined };
}

const CHANNELS = ["log", "info", "warn", "error"] as const;
/** Decodings that are under way; the first takes the console's functions away, the last puts them back. */
let silent = 0;
let spoken: Record<string, unknown> = {};

/** The package prints what its decoders say of damaged pixels; its errors are told by throwing. */
async function inSilence<T>(work: () => Promise<T>): Promise<T> {
  if (silent++ === 0) {
    spoken = Object.fromEntries(CHANNELS.map((name) => [name, console[name]]));
    for (const name of CHANNELS) console[name] = () => undefined;
  }
  try {
    return await work();
  } finally {
    if (--silent === 0) Object.assign(console, spoken);
  }
}

/** The package reads in Node from the disk only: the files stand in a folder of their own meanwhile. */
async function decodeInFolder(dicom: Package, files: readonly DicomFileBytes[]) {
  const folder = await mkdtemp(join(tmpdir(), "nnprep-dicom-"));
  try {
    const inputImages: string[] = [];
    for (const { name, bytes } of files) {
      inputImages.push(join(folder, name));
      await writeFile(join(folder, name), bytes);
    }
    const { outputImage } = await inSilence(() =>
      dicom.readImageDicomFileSeriesNode({ inputImages, singleSortedSeries: true }),
    );
    return stackOf(outputImage);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
