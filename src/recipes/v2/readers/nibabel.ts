import { transpose } from "../../../core/axes.js";
import { inFile } from "../../../core/errors.js";
import type { Shape3, Vec3 } from "../../../core/volume.js";
import { type Orientation, orientationOf, reorientedAffine, voxelSizes } from "../../../io/nibabel-affine.js";
import { readNibabelImage } from "../../../io/nibabel-image.js";
import { formatNibabel } from "../../../io/nibabel-writer.js";
import type { ScanFile } from "../../../io/scan-file.js";
import type { NibabelProperties, ReaderProperties } from "../documents/properties.js";
import {
  checkFiles,
  checkNumbers,
  checkShapes,
  differenceWarnings,
  type FileReading,
  isClose,
  joined,
  labelOf,
  otherReader,
  storedLabels,
} from "./agreement.js";
import type { CaseReader, ReaderName } from "./reader.js";

interface Place {
  readonly nibabel: NibabelProperties;
  readonly spacingMm: Vec3;
}

const ENDINGS = [".nii", ".nii.gz"] as const;

/** Voxels in world order: array axis 2 follows world x and increases, and so on. */
function reordered<T extends Float32Array | Uint8Array | Uint16Array>(
  data: T,
  shape: Shape3,
  orientation: Orientation,
): { data: T; shape: Shape3 } {
  // Array axes are z, y, x: axis a of the result is the file's axis that follows world axis 2 - a.
  const from = [2, 1, 0].map((world) => 2 - orientation.findIndex(({ axis }) => axis === world));
  const axes = from as unknown as Shape3;
  const flips = from.map((axis) => orientation[2 - axis]?.sign === -1);
  return {
    data: transpose(data, shape, axes, flips as unknown as [boolean, boolean, boolean]),
    shape: [shape[axes[0]], shape[axes[1]], shape[axes[2]]],
  };
}

function backwards(shape: readonly [number, number, number]): [number, number, number] {
  return [shape[2], shape[1], shape[0]];
}

async function readFile(file: ScanFile, reorient: boolean): Promise<FileReading<Place>> {
  return inFile(file.name, async () => {
    const { data, shape, affine, zooms } = await readNibabelImage(await file.read());
    const whole = { file: file.name, warnings: [] };
    if (!reorient) {
      return {
        ...whole,
        channels: [data],
        shape,
        place: { nibabel: { originalAffine: affine }, spacingMm: backwards(zooms as Vec3 & [number, number, number]) },
      };
    }
    const orientation = orientationOf(affine);
    const turned = reorientedAffine(affine, orientation, backwards(shape as [number, number, number]));
    const image = reordered(data, shape, orientation);
    // A header that is made anew takes its steps from the affine, in float32; one whose axes stay keeps its own.
    const stays = orientation.every(({ axis, sign }, j) => axis === j && sign === 1);
    const steps =
      stays || isClose(turned, affine) ? zooms : (voxelSizes(turned).map(Math.fround) as [number, number, number]);
    const nibabel = { originalAffine: affine, reorientedAffine: turned };
    return {
      ...whole,
      channels: [image.data],
      shape: image.shape,
      place: { nibabel, spacingMm: backwards([...steps]) },
    };
  });
}

function join(readings: readonly FileReading<Place>[]): ReturnType<typeof joined> & { properties: ReaderProperties } {
  checkShapes(readings);
  checkNumbers(readings, "spacing", ({ spacingMm }) => spacingMm);
  const differences = differenceWarnings(
    readings,
    "affine",
    ({ nibabel }) => nibabel.reorientedAffine ?? nibabel.originalAffine,
  );
  const all = joined(readings);
  return {
    ...all,
    properties: { ...readings[0].place },
    warnings: [...all.warnings, ...differences],
  };
}

/** How axes in world order go back to those of `affine`: for each axis of world order, the file's. */
function inverse(orientation: Orientation): Orientation {
  return [0, 1, 2].map((world) => {
    const axis = orientation.findIndex((entry) => entry.axis === world);
    return { axis, sign: orientation[axis].sign };
  });
}

function reader(name: ReaderName, reorient: boolean): CaseReader {
  return {
    name,
    fileEndings: ENDINGS,
    async readImages(files) {
      checkFiles(files);
      const readings: FileReading<Place>[] = [];
      for (const file of files) readings.push(await readFile(file, reorient));
      return join(readings);
    },
    async readLabel(file) {
      const reading = await readFile(file, reorient);
      return labelOf(reading, { ...reading.place });
    },
    async formatSegmentation(labels, shape, { nibabel }, fileEnding) {
      if (nibabel === undefined) throw otherReader(name, "nibabel_stuff");
      const stored = storedLabels(labels);
      const { originalAffine, reorientedAffine: turned } = nibabel;
      let file = { data: stored, shape, affine: originalAffine };
      if (reorient) {
        if (turned === undefined) throw otherReader(name, "reoriented_affine");
        const back = inverse(orientationOf(originalAffine));
        const affine = reorientedAffine(turned, back, backwards(shape as [number, number, number]));
        file = { ...reordered(stored, shape, back), affine };
      }
      const gzip = fileEnding.toLowerCase().endsWith(".gz");
      return [{ ending: fileEnding, bytes: await formatNibabel(file.data, file.shape, file.affine, gzip) }];
    },
  };
}

/** `NibabelIO`: NIfTI of three axes as nibabel reads it. */
export const nibabelReader = reader("NibabelIO", false);

/** `NibabelIOWithReorient`: the same with axes brought to the nearest "RAS", and back when written. */
export const nibabelReorientingReader = reader("NibabelIOWithReorient", true);
