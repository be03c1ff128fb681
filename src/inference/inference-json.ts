import { NnprepError } from "../core/errors.js";
import { JsonFields } from "../io/json-fields.js";
import { parseJsonDict } from "../io/ordered-json.js";

const FORMAT = "nnunet-onnx";
const fields = new JsonFields("CORRUPT_FILE");

/** What training knew and neither plans nor dataset.json tell. */
export interface InferenceJson {
  readonly configuration: string;
  readonly trainer: string;
  readonly mirrorAxes: readonly number[] | null;
}

type JsonDict = ReturnType<typeof parseJsonDict>;

function readFields(document: JsonDict): InferenceJson {
  const format = fields.text(document.get("format"), "format");
  const version = fields.text(document.get("format_version"), "format_version");
  if (format !== FORMAT || version !== "1") {
    throw new NnprepError("UNSUPPORTED", `format ${format} ${version} found; ${FORMAT} 1 is expected`, {
      found: `${format} ${version}`,
      expected: `${FORMAT} 1`,
    });
  }
  const axes = document.get("inference_allowed_mirroring_axes");
  return {
    configuration: fields.text(document.get("configuration"), "configuration"),
    trainer: fields.text(document.get("trainer"), "trainer"),
    mirrorAxes: axes === null ? null : fields.list(axes, "inference_allowed_mirroring_axes", fields.whole),
  };
}

/** `inference.json`. @throws NnprepError CORRUPT_FILE, UNSUPPORTED for another format */
export function readInferenceJson(bytes: Uint8Array): InferenceJson {
  return readFields(parseJsonDict(bytes));
}

/** That of a model of nnU-Net v1, whose folder says less. */
export interface InferenceJsonV1 extends InferenceJson {
  /** Of the plans: 0 is the coarsest. */
  readonly stage: number;
  /** What turns the network's output into probabilities. */
  readonly activation: "softmax" | "sigmoid";
  /** Label of each output channel, later ones overwrite; null: the largest class. */
  readonly regions: readonly number[] | null;
}

/** @throws NnprepError CORRUPT_FILE, UNSUPPORTED for another format */
export function readInferenceJsonV1(bytes: Uint8Array): InferenceJsonV1 {
  const document = parseJsonDict(bytes);
  const activation = fields.text(document.get("activation"), "activation");
  if (activation !== "softmax" && activation !== "sigmoid") {
    throw new NnprepError("UNSUPPORTED", `activation ${activation}: softmax or sigmoid is expected`, {
      found: activation,
    });
  }
  const regions = document.get("regions_class_order") ?? null;
  return {
    ...readFields(document),
    stage: fields.whole(document.get("stage"), "stage"),
    activation,
    regions: regions === null ? null : fields.list(regions, "regions_class_order", fields.whole),
  };
}
