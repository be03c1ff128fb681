import type { Shape3, VoxelArray } from "../../../core/volume.js";
import type { ReadNiftiOptions } from "../../../io/nifti.js";
import type { ScanFile } from "../../../io/scan-file.js";
import type { FindCompanion } from "../../../io/voxel-source.js";
import type { ReaderProperties } from "../documents/properties.js";

/** nnU-Net v2's reader classes, by their names there. */
export type ReaderName =
  | "SimpleITKIO"
  | "SimpleITKIOWithReorient"
  | "NibabelIO"
  | "NibabelIOWithReorient"
  | "NaturalImage2DIO"
  | "Tiff3DIO";

/** The channels of a case, as `read_images` gives them. */
export interface ImageReading {
  /** In order; one file may give several (colours, the fourth axis). Each of `shape`, C order. */
  readonly channels: readonly Float32Array[];
  /** Slowest axis of the array first; a 2-D image has depth 1. */
  readonly shape: Shape3;
  /** What goes into `ID.pkl` and is needed to write a segmentation of this case. */
  readonly properties: ReaderProperties;
  /** What the user should know about the files, a sentence each, with the file's name. */
  readonly warnings: readonly string[];
}

/** A label, as `read_seg` gives it, but whole numbers. */
export interface LabelReading {
  readonly label: Int16Array;
  readonly shape: Shape3;
  readonly properties: ReaderProperties;
  readonly warnings: readonly string[];
}

/** One of the files that a segmentation is written to. */
export interface SegmentationFile {
  /** Of its name, after the case's identifier: ".nii.gz", ".png", ".json" ... */
  readonly ending: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface ReadCaseOptions {
  /** Gives the file of this name beside those that are read: the json with the spacing of a stack, voxels of a header. */
  readonly find?: FindCompanion | undefined;
  /** What is accepted of NIfTI files that SimpleITK refuses. */
  readonly nifti?: ReadNiftiOptions | undefined;
}

/** One of nnU-Net v2's readers: how a case's files become arrays, and arrays files. */
export interface CaseReader {
  readonly name: ReaderName;
  /** Endings of file names, lower case. */
  readonly fileEndings: readonly string[];
  /**
   * Reads the files of a case, in the order of their channels.
   * @throws NnprepError CORRUPT_FILE, UNSUPPORTED, SHAPE_MISMATCH or GEOMETRY_MISMATCH if the files do not fit together
   */
  readImages(files: readonly ScanFile[], options?: ReadCaseOptions): Promise<ImageReading>;
  /** Throws as `readImages` would, as far as that is told without the voxels; without it a file has to be read. */
  checkImage?(file: ScanFile, options?: ReadCaseOptions): Promise<void>;
  /**
   * Reads a label.
   * @throws NnprepError as `readImages`; INVALID_VALUES for a label of several channels or with a value that is no whole
   * number in the int16 range
   */
  readLabel(file: ScanFile, options?: ReadCaseOptions): Promise<LabelReading>;
  /**
   * A segmentation as the class writes it: `write_seg`. 8 bits a voxel, 16 if a label is above 254.
   * @param labels of `shape`, C order, axes of the file
   * @param properties of the case, from `readImages` or `ID.pkl`
   * @param fileEnding of dataset.json; its format is written
   * @throws NnprepError INVALID_VALUES for labels that do not fit, INVALID_ARGUMENT for properties of another reader
   */
  formatSegmentation(
    labels: VoxelArray,
    shape: Shape3,
    properties: ReaderProperties,
    fileEnding: string,
  ): Promise<readonly SegmentationFile[]>;
}
