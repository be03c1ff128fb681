import { NnprepError } from "../core/errors.js";
import type { DicomDecoder, DicomDecoderOptions } from "./dicom-decoder.js";
import { openPageDecoder } from "./dicom-decoder-page.js";

/** As `openPageDecoder`. webpack warns of every package that it sees here and does not find, so the page imports it. */
export async function openDecoder(options: DicomDecoderOptions): Promise<DicomDecoder> {
  if (options.load !== undefined) return openPageDecoder(options.load, options);
  throw new NnprepError(
    "INVALID_ARGUMENT",
    'the pixels are JPEG, JPEG-LS or JPEG 2000: in a page that webpack bundles, give decoder.load: () => import("@itk-wasm/dicom"), and npm install @itk-wasm/dicom@7.6.4',
    { expected: "decoder.load" },
  );
}
