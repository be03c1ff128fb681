import { inFile, NnprepError } from "../../../core/errors.js";
import { PyFloat } from "../../../core/python.js";
import type { Shape3, Vec3 } from "../../../core/volume.js";
import { describeJson, jsonNumber } from "../../../io/json-fields.js";
import { type JsonDict, parseOrderedJson } from "../../../io/ordered-json.js";
import { formatPythonJson, type PythonJson } from "../../../io/python-json.js";
import type { ScanFile } from "../../../io/scan-file.js";
import { readTiff } from "../../../io/tiff.js";
import { formatTiff } from "../../../io/tiff-writer.js";
import type { WholeEntries } from "../documents/fingerprint.js";
import type { ReaderProperties } from "../documents/properties.js";
import { checkFiles, checkShapes, type FileReading, joined, labelOf, storedLabels } from "./agreement.js";
import type { CaseReader, ReadCaseOptions } from "./reader.js";

/** Of "_0000" in the name of an image. */
const CHANNEL_LENGTH = 5;

async function readFile(file: ScanFile): Promise<FileReading<null>> {
  return inFile(file.name, async () => {
    const { data, shape } = await readTiff(await file.read());
    if (shape.length !== 3) {
      throw new NnprepError("UNSUPPORTED", `TIFF image of shape (${shape.join(", ")}); Tiff3DIO takes three axes`, {
        found: [...shape],
        dimensions: shape.length,
      });
    }
    return { file: file.name, channels: [data], shape: shape as unknown as Shape3, place: null, warnings: [] };
  });
}

/** The spacing in the json beside an image or label, or 1 with a warning. */
async function spacingOf(
  file: ScanFile,
  channelLength: number,
  { find }: ReadCaseOptions,
): Promise<{ properties: ReaderProperties; warnings: string[] }> {
  const base = file.name.slice(Math.max(file.name.lastIndexOf("/"), file.name.lastIndexOf("\\")) + 1);
  const ending = base.length - base.lastIndexOf(".");
  const name = `${base.slice(0, base.length - ending - channelLength)}.json`;
  const beside = await find?.(name);
  if (beside === undefined) {
    return {
      properties: { spacingMm: [1, 1, 1], wholeSpacing: [true, true, true] },
      warnings: [`${file.name}: there is no ${name} beside it; the spacing (1, 1, 1) is taken`],
    };
  }
  return inFile(beside.name, async () => ({ properties: parseSpacing(await beside.read()), warnings: [] }));
}

/** `{"spacing": [z, y, x]}`, three positive numbers; whole ones stay whole in the properties, as in Python. */
function parseSpacing(bytes: Uint8Array): ReaderProperties {
  const document = parseOrderedJson(bytes);
  const values = document instanceof Map ? (document as JsonDict).get("spacing") : undefined;
  const spacing = Array.isArray(values) ? values.map(jsonNumber) : [];
  if (spacing.length !== 3 || !spacing.every((mm) => mm !== undefined && mm > 0 && Number.isFinite(mm))) {
    throw new NnprepError("CORRUPT_FILE", `"spacing" is ${describeJson(values)}; three numbers above 0 are expected`, {
      key: "spacing",
    });
  }
  const whole = (values as readonly PythonJson[]).map(
    (value) => !(value instanceof PyFloat) && Number.isInteger(value),
  );
  return {
    spacingMm: spacing as unknown as Vec3,
    ...(whole.includes(true) ? { wholeSpacing: whole as unknown as WholeEntries } : {}),
  };
}

/** `Tiff3DIO`: stacks of planes, the spacing in a json file beside them. */
export const tiff3dReader: CaseReader = {
  name: "Tiff3DIO",
  fileEndings: [".tif", ".tiff"],
  async readImages(files, options = {}) {
    checkFiles(files);
    const readings: FileReading<null>[] = [];
    for (const file of files) readings.push(await readFile(file));
    checkShapes(readings);
    const { properties, warnings } = await spacingOf(files[0], CHANNEL_LENGTH, options);
    const all = joined(readings);
    return { ...all, properties, warnings: [...all.warnings, ...warnings] };
  },
  async readLabel(file, options = {}) {
    const reading = await readFile(file);
    const { properties, warnings } = await spacingOf(file, 0, options);
    const label = labelOf(reading, properties);
    return { ...label, warnings: [...label.warnings, ...warnings] };
  },
  async formatSegmentation(labels, shape, { spacingMm, wholeSpacing }, fileEnding) {
    const spacing = spacingMm.map((mm, i) => (wholeSpacing?.[i] === true ? mm : new PyFloat(mm)));
    const json = new TextEncoder().encode(formatPythonJson(new Map([["spacing", spacing]]), { indent: 4 }));
    return [
      { ending: fileEnding, bytes: await formatTiff(storedLabels(labels), shape, { compress: true }) },
      { ending: ".json", bytes: json },
    ];
  },
};
