import { inFile, NnprepError } from "../../../core/errors.js";
import type { Shape3, VoxelArray } from "../../../core/volume.js";
import { formatBmp, readBmp } from "../../../io/bmp.js";
import type { PixelArray } from "../../../io/pixel-array.js";
import { formatGreyPng, readPng } from "../../../io/png-image.js";
import type { ScanFile } from "../../../io/scan-file.js";
import { readTiff } from "../../../io/tiff.js";
import { formatTiff } from "../../../io/tiff-writer.js";
import type { ReaderProperties } from "../documents/properties.js";
import { checkFiles, checkShapes, type FileReading, joined, labelOf, storedLabels } from "./agreement.js";
import type { CaseReader } from "./reader.js";

/** Pictures have no spacing; the first axis counts as thick. */
const PROPERTIES: ReaderProperties = { spacingMm: [999, 1, 1], wholeSpacing: [true, true, true] };

/** scikit-image's reading: colours of a TIFF that are stored as planes go last. */
function coloursLast({ data, shape }: PixelArray): PixelArray {
  const isColours = (n: number | undefined) => n === 3 || n === 4;
  if (shape.length !== 3 || isColours(shape[2]) || !isColours(shape[0])) return { data, shape };
  const [planes, rows, columns] = shape as [number, number, number];
  const area = rows * columns;
  const mixed = new (data.constructor as new (length: number) => VoxelArray)(data.length);
  for (let p = 0; p < planes; p++) for (let i = 0; i < area; i++) mixed[i * planes + p] = data[p * area + i];
  return { data: mixed, shape: [rows, columns, planes] };
}

async function readPicture(file: ScanFile): Promise<PixelArray> {
  const bytes = await file.read();
  const start = String.fromCharCode(...bytes.subarray(0, 4));
  if (start === "\x89PNG") return readPng(bytes);
  if (start.startsWith("BM")) return readBmp(bytes);
  if (start.startsWith("II") || start.startsWith("MM")) return coloursLast(await readTiff(bytes));
  throw new NnprepError("UNSUPPORTED", "the content is no PNG, BMP or TIFF image, which NaturalImage2DIO reads", {
    byteLength: bytes.length,
  });
}

async function readFile(file: ScanFile): Promise<FileReading<null>> {
  return inFile(file.name, async () => {
    const { data, shape } = await readPicture(file);
    const [rows, columns, colours = 1] = shape as [number, number, number?];
    if (shape.length < 2 || shape.length > 3 || (shape.length === 3 && colours !== 3 && colours !== 4)) {
      throw new NnprepError(
        "UNSUPPORTED",
        `image of shape (${shape.join(", ")}); NaturalImage2DIO takes planes, grey or of 3 or 4 colours`,
        { found: [...shape], dimensions: shape.length },
      );
    }
    const area = rows * columns;
    const channels = Array.from({ length: colours }, (_, c) => {
      if (colours === 1) return data;
      const channel = new Float32Array(area);
      for (let i = 0; i < area; i++) channel[i] = data[i * colours + c];
      return channel;
    });
    return { file: file.name, channels, shape: [1, rows, columns], place: null, warnings: [] };
  });
}

/** A plane of labels as a picture; BMP holds 8 bits only. */
async function formatPicture(labels: VoxelArray, [, rows, columns]: Shape3, ending: string) {
  if (ending === ".png") return formatGreyPng(storedLabels(labels), rows, columns);
  if (ending === ".bmp") return formatBmp(storedLabels(labels, 255) as Uint8Array, rows, columns);
  if (ending === ".tif") return formatTiff(storedLabels(labels), [1, rows, columns], { compress: false });
  throw new NnprepError("UNSUPPORTED", `NaturalImage2DIO writes .png, .bmp and .tif, not ${ending}`, { found: ending });
}

/** `NaturalImage2DIO`: pictures, grey or in colours, whose channels are the colours. */
export const naturalImageReader: CaseReader = {
  name: "NaturalImage2DIO",
  fileEndings: [".png", ".bmp", ".tif"],
  async readImages(files) {
    checkFiles(files);
    const readings: FileReading<null>[] = [];
    for (const file of files) readings.push(await readFile(file));
    checkShapes(readings);
    return { ...joined(readings), properties: PROPERTIES };
  },
  async readLabel(file) {
    return labelOf(await readFile(file), PROPERTIES);
  },
  async formatSegmentation(labels, shape, _, fileEnding) {
    if (shape[0] !== 1) {
      throw new NnprepError("INVALID_ARGUMENT", `a segmentation of ${shape[0]} planes cannot be a picture`, {
        found: [...shape],
      });
    }
    return [{ ending: fileEnding, bytes: await formatPicture(labels, shape, fileEnding.toLowerCase()) }];
  },
};
