import { NnprepError } from "../core/errors.js";

/* What the optional package @itk-wasm/dicom does for us, the same in Node (dicom-decoder-node) and in a page (-web). */

/** Where a page serves the files of the optional package; Node finds them by itself. */
export interface DicomDecoderOptions {
  /** URL of the folder `@itk-wasm/dicom/dist/pipelines` as the page serves it. Never a foreign server by itself. */
  readonly pipelinesBaseUrl?: string;
  /**
   * Imports the package: `() => import("@itk-wasm/dicom")`. Only where webpack or rspack bundles the page, which would warn
   * of the package in every page that does without it.
   */
  readonly load?: () => Promise<object>;
  /** URL of itk-wasm's pipeline worker; by default the one that the bundler makes. */
  readonly pipelineWorkerUrl?: string;
}

/** Images as the package returns them. */
export interface DecodedStack {
  /** Fastest axis first. */
  readonly size: readonly number[];
  readonly componentType: string;
  readonly components: number;
  readonly data: ArrayLike<number>;
}

/** A DICOM file in memory. */
export interface DicomFileBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface DicomDecoder {
  /** Decodes a sorted series, a file per slice. Rejects with any Error when a stream is damaged. */
  decode(files: readonly DicomFileBytes[]): Promise<DecodedStack>;
  close(): void;
}

/** The part of the package's answer that counts. */
export interface PackageImage {
  readonly size: number[];
  readonly imageType: { readonly componentType: string; readonly components: number };
  readonly data: ArrayLike<number>;
}

export function stackOf({ size, imageType, data }: PackageImage): DecodedStack {
  return { size, componentType: imageType.componentType, components: imageType.components, data };
}

export function decoderMissing(error: unknown): NnprepError {
  const reason = String((error as Error).message).split("\n")[0];
  return new NnprepError(
    "UNSUPPORTED",
    `the pixels are JPEG, JPEG-LS or JPEG 2000, which the optional package @itk-wasm/dicom decodes, but it cannot be loaded: npm install @itk-wasm/dicom@7.6.4 (${reason})`,
    { package: "@itk-wasm/dicom", reason },
  );
}
