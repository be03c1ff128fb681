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

/** The package reads in Node from the disk only: the files stand in a folder of their own meanwhile. */
async function decodeInFolder(dicom: Package, files: readonly DicomFileBytes[]) {
  const folder = await mkdtemp(join(tmpdir(), "nnprep-dicom-"));
  try {
    const inputImages: string[] = [];
    for (const { name, bytes } of files) {
      inputImages.push(join(folder, name));
      await writeFile(join(folder, name), bytes);
    }
    const { outputImage } = await dicom.readImageDicomFileSeriesNode({ inputImages, singleSortedSeries: true });
    return stackOf(outputImage);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
