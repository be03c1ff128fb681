import { inFile, NnprepError } from "../../../core/errors.js";
import type { Geometry, Shape3, Vec3, Volume, VoxelArray } from "../../../core/volume.js";
import { writeVolume } from "../../../io/formats.js";
import { type ItkImage, itkImageOf, placedAsInItk } from "../../../io/itk-image.js";
import { readItkImage } from "../../../io/itk-reader.js";
import { checkNiftiHeader } from "../../../io/nifti-image.js";
import type { WiderDtype } from "../../../io/nifti-voxels.js";
import type { ScanFile } from "../../../io/scan-file.js";
import type { ReaderProperties, SitkProperties } from "../documents/properties.js";
import {
  checkFiles,
  checkNumbers,
  checkShapes,
  differenceWarnings,
  type FileReading,
  joined,
  labelOf,
  otherReader,
  storedLabels,
} from "./agreement.js";
import { orientationOfDirection, orientTo } from "./dicom-orient.js";
import type { CaseReader, ReadCaseOptions, ReaderName } from "./reader.js";

interface Place {
  readonly sitk: SitkProperties;
  readonly spacingMm: Vec3;
}

/** How much thicker than its voxels a 2-D image counts. */
const PLANE_THICKNESS = 999;
/** Enough of a gzipped file to hold its header. */
const HEAD_BYTES = 65536;
const ENDINGS = [".nii.gz", ".nrrd", ".mha", ".gipl"] as const;

/** Spacing in the axes of the array: a plane gets a first axis, the fourth axis of a file is left out. */
function spacingOf(spacing: readonly number[]): Vec3 {
  const [x, y, z] = spacing.map(Math.abs) as [number, number, number];
  // abs comes after the maximum in nnU-Net; ITK's spacings are positive.
  return spacing.length === 2 ? [Math.max(x, y) * PLANE_THICKNESS, y, x] : [z, y, x];
}

async function readFile(
  file: ScanFile,
  options: ReadCaseOptions,
  reorient: boolean,
  wider: WiderDtype,
): Promise<FileReading<Place>> {
  return inFile(file.name, async () => {
    const { image, warnings } = await readItkImage(file, options.nifti, options.find, wider);
    const original = reorient ? orientationOfDirection(threeAxes(image).direction) : undefined;
    const { channels, shape, spacing, origin, direction } = reorient ? orientTo("RAS", image) : image;
    const sitk = { spacing, origin, direction, ...(original === undefined ? {} : { originalOrientation: original }) };
    return { file: file.name, channels, shape, place: { sitk, spacingMm: spacingOf(spacing) }, warnings };
  });
}

function threeAxes(image: ItkImage): ItkImage {
  if (image.spacing.length === 3) return image;
  throw new NnprepError(
    "UNSUPPORTED",
    `an image of ${image.spacing.length} axes; SimpleITKIOWithReorient takes three`,
    { dimensions: image.spacing.length },
  );
}

function join(readings: readonly FileReading<Place>[]): ReturnType<typeof joined> & { properties: ReaderProperties } {
  checkShapes(readings);
  checkNumbers(readings, "spacing", ({ sitk }) => sitk.spacing);
  const differences = [
    ...differenceWarnings(readings, "origin", ({ sitk }) => sitk.origin),
    ...differenceWarnings(readings, "direction", ({ sitk }) => sitk.direction),
  ];
  const [first] = readings as [FileReading<Place>, ...FileReading<Place>[]];
  const last = readings.at(-1) as FileReading<Place>;
  // nnU-Net notes the orientation of the file that it read last.
  const { originalOrientation } = last.place.sitk;
  const sitk = { ...first.place.sitk, ...(originalOrientation === undefined ? {} : { originalOrientation }) };
  const all = joined(readings);
  return {
    ...all,
    properties: { sitk, spacingMm: first.place.spacingMm },
    warnings: [...all.warnings, ...differences],
  };
}

/** The volume that a segmentation becomes; that of a file of four axes lies where one of its volumes lies. */
function volumeOf(data: VoxelArray, shape: Shape3, { spacing: s, origin: o, direction: d }: SitkProperties): Volume {
  const n = s.length;
  const at = (i: number, j: number) => (i < n && j < n ? d[i * n + j] : i === j ? 1 : 0);
  const direction = [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => at(i, j)));
  const geometry: Geometry = {
    spacingMm: [s[2] ?? 1, s[1], s[0]],
    ...placedAsInItk([o[0], o[1], n === 2 ? 0 : o[2]], direction),
  };
  return { data, shape, geometry };
}

function reader(name: ReaderName, reorient: boolean): CaseReader {
  return {
    name,
    fileEndings: ENDINGS,
    async readImages(files, options = {}) {
      checkFiles(files);
      const readings: FileReading<Place>[] = [];
      for (const file of files) readings.push(await readFile(file, options, reorient, "float32"));
      return join(readings);
    },
    async checkImage(file, options = {}) {
      const head = await file.read(0, HEAD_BYTES);
      const isKnown = await inFile(file.name, async () => checkNiftiHeader(head, options.nifti));
      if (!isKnown || reorient) await readFile(file, options, reorient, "float32");
    },
    async readLabel(file, options = {}) {
      const reading = await readFile(file, options, reorient, "int16");
      return labelOf(reading, { sitk: reading.place.sitk, spacingMm: reading.place.spacingMm });
    },
    async formatSegmentation(labels, shape, { sitk }, fileEnding) {
      if (sitk === undefined) throw otherReader(name, "sitk_stuff");
      const stored = storedLabels(labels, reorient ? 255 : 65535);
      let volume = volumeOf(stored, shape, sitk);
      if (reorient) {
        if (sitk.originalOrientation === undefined) throw otherReader(name, "original_orientation");
        const back = orientTo(sitk.originalOrientation, itkImageOf(volume, false));
        const [x, y, z] = back.spacing as [number, number, number];
        const geometry = { spacingMm: [z, y, x], originMm: back.origin, direction: back.direction };
        volume = { data: back.channels[0], shape: back.shape, geometry: geometry as unknown as Geometry };
      }
      const planar = sitk.spacing.length === 2;
      return [{ ending: fileEnding, bytes: await writeVolume(`segmentation${fileEnding}`, volume, { planar }) }];
    },
  };
}

/** `SimpleITKIO`: what SimpleITK 2.5 reads of NIfTI, NRRD, MetaImage and GIPL, of two, three or four axes. */
export const simpleItkReader = reader("SimpleITKIO", false);

/** `SimpleITKIOWithReorient`: the same with axes brought to "RAS" (`DICOMOrient`), and back when written. */
export const simpleItkReorientingReader = reader("SimpleITKIOWithReorient", true);
