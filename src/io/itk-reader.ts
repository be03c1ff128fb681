import { readScanFile } from "./formats.js";
import { gunzipPrefix, isGzip } from "./gzip.js";
import { type ItkReading, itkImageOf } from "./itk-image.js";
import type { ReadNiftiOptions } from "./nifti.js";
import { NIFTI_HEADER_LENGTH, niftiVersion } from "./nifti-fields.js";
import { readNiftiImage } from "./nifti-image.js";
import type { WiderDtype } from "./nifti-voxels.js";
import type { ScanFile } from "./scan-file.js";
import type { FindCompanion } from "./voxel-source.js";

/** Enough of a gzipped file to hold its header. */
const GZIPPED_HEAD = 65536;

/**
 * Reads an image as SimpleITK 2.5's `ReadImage` does: NIfTI of two to four axes, MetaImage, NRRD and GIPL of two or three.
 * `find` gives the file that holds the voxels when a header names one; `wider` is what the voxels become afterwards. Throws CORRUPT_FILE or UNSUPPORTED.
 */
export async function readItkImage(
  file: ScanFile,
  nifti: ReadNiftiOptions = {},
  find: FindCompanion = async () => undefined,
  wider?: WiderDtype,
): Promise<ItkReading> {
  const start = await file.read(0, GZIPPED_HEAD);
  const head = isGzip(start) ? gunzipPrefix(start, NIFTI_HEADER_LENGTH) : start;
  if (niftiVersion(head) !== 0) return readNiftiImage(await file.read(), nifti, wider);
  const { volume, warnings, planar } = await readScanFile(file, find);
  return { image: itkImageOf(volume, planar === true), warnings };
}
