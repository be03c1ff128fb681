import { NnprepError } from "../../../core/errors.js";
import { NdArray, PyDict, PyFunction, PyTuple, type PyValue } from "../../../core/python.js";
import { formatPickle, parsePickle } from "../../../io/pickle.js";
import { formatPythonJson, type PythonJson } from "../../../io/python-json.js";
import type { Region } from "./labels.js";
import { meansToPython, type SummaryMeans } from "./summary.js";

/** Keep the largest component of a label or region, or of several together as one. */
export type PostprocessingStep = { readonly region: Region } | { readonly together: readonly Region[] };

/** The one function that nnU-Net v2 post-processes with. */
const FUNCTION = "remove_all_but_largest_component_from_segmentation";
const MODULE = "nnunetv2.postprocessing.remove_connected_components";
const ARGUMENT = "labels_or_regions";

/** Labels of a step, each once. */
export function labelsOfStep(step: PostprocessingStep): number[] {
  const regions = "together" in step ? step.together : [step.region];
  return [...new Set(regions.flat())];
}

function regionToPython(region: Region): PyValue {
  return typeof region === "number" ? region : new PyTuple([...region]);
}

/** The bytes of postprocessing.pkl: nnU-Net's function by its name, and what it is called with. */
export function formatPostprocessing(steps: readonly PostprocessingStep[]): Uint8Array<ArrayBuffer> {
  const functions = steps.map(() => new PyFunction(MODULE, FUNCTION));
  const keywords = steps.map(
    (step) =>
      new PyDict([[ARGUMENT, "together" in step ? step.together.map(regionToPython) : regionToPython(step.region)]]),
  );
  return formatPickle(new PyTuple([functions, keywords]));
}

/** The text of postprocessing.json: what was decided, and by which numbers. */
export function formatPostprocessingReport(
  steps: readonly PostprocessingStep[],
  before: SummaryMeans,
  after: SummaryMeans,
): string {
  const keywords = steps.map(
    (step): PythonJson => new Map([[ARGUMENT, "together" in step ? [...step.together] : step.region]]),
  );
  const document = new Map<string, PythonJson>([
    ["input_folder", new Map(meansToPython(before))],
    ["postprocessed", new Map(meansToPython(after))],
    ["postprocessing_fns", steps.map(() => FUNCTION)],
    ["postprocessing_kwargs", keywords],
  ]);
  return formatPythonJson(document, { indent: 4, sortKeys: true });
}

function wrong(what: string): NnprepError {
  return new NnprepError(
    "CORRUPT_FILE",
    `no postprocessing.pkl of nnU-Net v2: ${what}; expected a tuple of a list of functions and a list of their arguments`,
  );
}

function labelFromPython(value: PyValue): number | undefined {
  // NumPy's scalars are arrays without axes here.
  const number = value instanceof NdArray && value.shape.length === 0 ? Number(value.data[0]) : value;
  return typeof number === "number" && Number.isInteger(number) ? number : undefined;
}

function regionFromPython(value: PyValue): Region {
  const label = labelFromPython(value);
  if (label !== undefined) return label;
  if (!(value instanceof PyTuple)) throw wrong(`${ARGUMENT} holds what is neither a label nor a tuple of labels`);
  return value.items.map((item) => {
    const one = labelFromPython(item);
    if (one === undefined) throw wrong(`a region of ${ARGUMENT} holds what is no label`);
    return one;
  });
}

function stepFromPython(value: PyValue): PostprocessingStep {
  if (!(value instanceof PyDict)) throw wrong("arguments that are no dict");
  const extra = value.entries.map(([key]) => key).filter((key) => key !== ARGUMENT);
  if (extra.length > 0) throw wrong(`unknown argument ${extra.map(String).join(", ")}`);
  const regions = value.get(ARGUMENT);
  if (regions === undefined) throw wrong(`${ARGUMENT} is missing`);
  return Array.isArray(regions)
    ? { together: (regions as PyValue[]).map(regionFromPython) }
    : { region: regionFromPython(regions) };
}

/**
 * Reads a postprocessing.pkl of nnU-Net v2 or of this package. Nothing is executed: the one function that nnU-Net itself
 * puts there is known by its name, and any other is refused.
 *
 * @throws NnprepError UNSUPPORTED that names another function, CORRUPT_FILE
 */
export function parsePostprocessing(bytes: Uint8Array): PostprocessingStep[] {
  const value = parsePickle(bytes, [new PyFunction(MODULE, FUNCTION)]);
  const [functions, keywords] = value instanceof PyTuple ? value.items : [];
  if (!Array.isArray(functions) || !Array.isArray(keywords)) throw wrong("something else found");
  if (functions.length !== keywords.length || !functions.every((item) => item instanceof PyFunction)) {
    throw wrong(`${functions.length} functions and ${keywords.length} arguments found`);
  }
  return (keywords as PyValue[]).map(stepFromPython);
}
