import { type DicomDecoder, type DicomDecoderOptions, decoderMissing } from "./dicom-decoder.js";
import { openPageDecoder } from "./dicom-decoder-page.js";

/** As `openPageDecoder`, which says what is thrown. */
export function openDecoder(options: DicomDecoderOptions): Promise<DicomDecoder> {
  // With a catch of its own esbuild bundles a page that does without the package.
  const load = () => import("@itk-wasm/dicom").catch((error) => Promise.reject(decoderMissing(error)));
  return openPageDecoder(options.load ?? load, options);
}
