import { NnprepError } from "../core/errors.js";
import {
  type DicomDecoder,
  type DicomDecoderOptions,
  decoderMissing,
  type PackageImage,
  stackOf,
} from "./dicom-decoder.js";

interface WorkerPool {
  terminateWorkers(): void;
}

interface Package {
  setPipelinesBaseUrl(url: string): void;
  setPipelineWorkerUrl(url: string): void;
  readImageDicomFileSeries(options: {
    inputImages: { path: string; data: Uint8Array }[];
    singleSortedSeries: boolean;
    webWorkerPool: WorkerPool | null;
  }): Promise<{ webWorkerPool: WorkerPool | null; outputImage: PackageImage }>;
}

/**
 * Decodes in workers of the package, whose files come from where the page serves them. Throws UNSUPPORTED when the
 * package is not part of the page, INVALID_ARGUMENT when nobody said where its files are.
 *
 * @param load imports the package
 */
export async function openPageDecoder(
  load: () => Promise<object>,
  { pipelinesBaseUrl, pipelineWorkerUrl }: DicomDecoderOptions,
): Promise<DicomDecoder> {
  let dicom: Package;
  try {
    dicom = (await load()) as Package;
  } catch (error) {
    throw error instanceof NnprepError ? error : decoderMissing(error);
  }
  if (pipelinesBaseUrl === undefined) {
    // The package's own default is a foreign server.
    throw new NnprepError(
      "INVALID_ARGUMENT",
      "the pixels are JPEG, JPEG-LS or JPEG 2000: serve the folder @itk-wasm/dicom/dist/pipelines with the page and give its URL as decoder.pipelinesBaseUrl",
      { expected: "decoder.pipelinesBaseUrl" },
    );
  }
  dicom.setPipelinesBaseUrl(pipelinesBaseUrl);
  if (pipelineWorkerUrl !== undefined) dicom.setPipelineWorkerUrl(pipelineWorkerUrl);
  let pool: WorkerPool | null = null;
  return {
    async decode(files) {
      const inputImages = files.map(({ name, bytes }) => ({ path: name, data: bytes }));
      const result = await dicom.readImageDicomFileSeries({
        inputImages,
        singleSortedSeries: true,
        webWorkerPool: pool,
      });
      pool = result.webWorkerPool;
      return stackOf(result.outputImage);
    },
    close: () => pool?.terminateWorkers(),
  };
}
