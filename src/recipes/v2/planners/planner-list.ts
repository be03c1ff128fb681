import { NnprepError } from "../../../core/errors.js";
import type { PythonJson } from "../../../io/python-json.js";

/** Names of the functions that resample data, labels and probabilities, and their keywords. */
export interface ResamplingChoice {
  readonly functionName: string;
  readonly data: ReadonlyMap<string, PythonJson>;
  readonly seg: ReadonlyMap<string, PythonJson>;
  readonly probabilities: ReadonlyMap<string, PythonJson>;
}

/** One of nnU-Net v2's planner classes: what they differ in. */
export interface Planner {
  readonly name: string;
  readonly plansName: string;
  /** Values of feature maps that fit the memory of `referenceGb`. */
  readonly reference3d: number;
  readonly reference2d: number;
  /** Also the memory that is planned for, unless another is asked for. */
  readonly referenceGb: number;
  /** Share of the dataset's voxels that one batch may have. */
  readonly datasetCovered: number;
  /** ResidualEncoderUNet instead of PlainConvUNet. */
  readonly residual: boolean;
  /** The data of 2d and 3d_fullres are those of the default planner, whatever the plans are called. */
  readonly sharesData: boolean;
  readonly resampling: ResamplingChoice;
}

function keywords(...entries: readonly (readonly [string, PythonJson])[]): ReadonlyMap<string, PythonJson> {
  return new Map(entries);
}

function interpolation(isSeg: boolean, order: number): ReadonlyMap<string, PythonJson> {
  return keywords(["is_seg", isSeg], ["order", order], ["order_z", 0], ["force_separate_z", null]);
}

const DEFAULT_RESAMPLING: ResamplingChoice = {
  functionName: "resample_data_or_seg_to_shape",
  data: interpolation(false, 3),
  seg: interpolation(true, 1),
  probabilities: interpolation(false, 1),
};

function torchResampling(...more: readonly (readonly [string, PythonJson])[]): ResamplingChoice {
  const separate = more.length > 0 ? null : false;
  const words = (isSeg: boolean) =>
    keywords(["is_seg", isSeg], ["force_separate_z", separate], ["memefficient_seg_resampling", false], ...more);
  return {
    functionName: "resample_torch_fornnunet",
    data: words(false),
    seg: words(true),
    probabilities: words(false),
  };
}

const NO_RESAMPLING: ResamplingChoice = {
  functionName: "no_resampling_hack",
  data: keywords(),
  seg: keywords(),
  probabilities: keywords(),
};

export const DEFAULT_PLANNER = "ExperimentPlanner";

const BASE: Planner = {
  name: DEFAULT_PLANNER,
  plansName: "nnUNetPlans",
  reference3d: 560000000,
  reference2d: 85000000,
  referenceGb: 8,
  datasetCovered: 0.05,
  residual: false,
  sharesData: false,
  resampling: DEFAULT_RESAMPLING,
};

const RESENC: Planner = {
  ...BASE,
  name: "ResEncUNetPlanner",
  plansName: "nnUNetResEncUNetPlans",
  reference3d: 680000000,
  reference2d: 135000000,
  residual: true,
  sharesData: true,
};

const RESENC_L: Planner = {
  ...RESENC,
  name: "nnUNetPlannerResEncL",
  plansName: "nnUNetResEncUNetLPlans",
  reference3d: 2100000000,
  reference2d: 380000000,
  referenceGb: 24,
  datasetCovered: 1,
};

function ownResampling(base: Planner, suffix: string, name: string, resampling: ResamplingChoice): Planner {
  return { ...base, name, plansName: `${base.plansName}_${suffix}`, sharesData: false, resampling };
}

/** All planners of nnU-Net 2.8.1. */
export const PLANNERS: readonly Planner[] = [
  BASE,
  { ...RESENC, name: "nnUNetPlannerResEncM", plansName: "nnUNetResEncUNetMPlans", datasetCovered: 1 },
  RESENC_L,
  {
    ...RESENC_L,
    name: "nnUNetPlannerResEncXL",
    plansName: "nnUNetResEncUNetXLPlans",
    reference3d: 3600000000,
    reference2d: 560000000,
    referenceGb: 40,
  },
  RESENC,
  ownResampling(BASE, "torchres", "nnUNetPlanner_torchres", torchResampling()),
  ownResampling(RESENC_L, "torchres", "nnUNetPlannerResEncL_torchres", torchResampling()),
  ownResampling(
    RESENC_L,
    "torchres_sepz",
    "nnUNetPlannerResEncL_torchres_sepz",
    torchResampling(["separate_z_anisotropy_threshold", 3]),
  ),
  ownResampling(RESENC_L, "noResampling", "nnUNetPlannerResEncL_noResampling", NO_RESAMPLING),
];

/** @throws NnprepError INVALID_ARGUMENT with the names of all planners. */
export function findPlanner(name: string): Planner {
  const planner = PLANNERS.find((known) => known.name === name);
  if (planner !== undefined) return planner;
  const known = PLANNERS.map((p) => p.name);
  throw new NnprepError("INVALID_ARGUMENT", `planner ${name} is not known; known are ${known.join(", ")}`, {
    found: name,
    expected: known,
  });
}
