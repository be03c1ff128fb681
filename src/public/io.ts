/**
 * Files and bytes: NIfTI, MetaImage, NRRD, DICOM, npz, pickle, .b2nd; runs in Node and in the browser.
 *
 * @module nnprep/io
 */
export { axisCodesOf } from "../core/geometry.js";
export { NdArray, type NdArrayData, PyDict, PyFloat, PyTuple, type PyValue } from "../core/python.js";
export { type ReadB2ndOptions, readB2nd } from "../io/blosc2/read.js";
export { type WriteB2ndOptions, writeB2nd } from "../io/blosc2/write.js";
export type {
  DicomAllowance,
  DicomDecoderOptions,
  DicomListing,
  DicomReading,
  DicomSeries,
  ReadDicomOptions,
} from "../io/dicom.js";
export { listDicomSeries, readDicomSeries } from "../io/dicom-on-demand.js";
export {
  canWriteVolume,
  type ReadScanOptions,
  type ReadVolumeOptions,
  readScan,
  readScanHeader,
  readVolume,
  type ScanInput,
  type StoredScan,
  writeVolume,
} from "../io/formats.js";
export { gunzip, gzip } from "../io/gzip.js";
export {
  formatNifti,
  type NiftiAllowance,
  type NiftiHeader,
  parseNifti,
  parseNiftiChannels,
  type ReadNiftiOptions,
  readNiftiHeader,
} from "../io/nifti.js";
export { type ArrayInChunks, type NpzCompression, readNpz, writeNpz } from "../io/npz.js";
export { formatPickle, parsePickle } from "../io/pickle.js";
export { type ScanFile, type ScanReading, scanFileFromBlob, scanFileFromBytes } from "../io/scan-file.js";
