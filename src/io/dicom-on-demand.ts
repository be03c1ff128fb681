import type { DicomListing, DicomReading, ReadDicomOptions } from "./dicom.js";
import type { ScanFile } from "./scan-file.js";

/* DICOM's readers are loaded with the first series: a page that reads other formats does not carry them. */

/**
 * Lists the series in the files of a folder, of zip archives, or of a list. Files that are no DICOM or have no image are
 * left out, with a warning. Throws CORRUPT_FILE for a DICOM file that cannot be understood: a slice that is silently
 * left out would be worse.
 */
export async function listDicomSeries(files: readonly ScanFile[]): Promise<DicomListing> {
  return (await import("./dicom.js")).listDicomSeries(files);
}

/**
 * Reads one DICOM series out of the files of a folder, of zip archives, or of a list: `volume`, what its user should
 * know, and which series it is. Voxels, their type and the geometry are those of SimpleITK 2.5's ImageSeriesReader:
 * rescaled, slices ascending along their normal. Slices are read one by one (compressed ones in small groups), so that
 * little more than the volume is held.
 *
 * Throws CORRUPT_FILE; UNSUPPORTED for what cannot be read; INVALID_ARGUMENT when a series has to be chosen; and
 * GEOMETRY_MISMATCH with all that is wrong with the series and is not allowed.
 */
export async function readDicomSeries(
  files: readonly ScanFile[],
  options: ReadDicomOptions = {},
): Promise<DicomReading> {
  return (await import("./dicom.js")).readDicomSeries(files, options);
}
