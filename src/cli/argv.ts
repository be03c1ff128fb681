/** nnU-Net's own spellings of options, and what they are called here. */
const SPELLINGS: Readonly<Record<string, string>> = {
  "--verify_dataset_integrity": "--verify-dataset-integrity",
  "--task_ids": "--task",
  "-tl": "--workers-lowres",
  "-tf": "--workers",
  "-pl3d": "--planner3d",
  "-pl2d": "--planner2d",
  "-no_pp": "--no-preprocessing",
  "-ref": "--ref",
  "-pred": "--pred",
  "-val": "--val",
  "-tr": "--trainer",
  "-ctr": "--cascade-trainer",
  "-pl": "--plans",
  "-pp": "--postprocessing",
  "-djfile": "--dataset-json",
  "-dataset_json": "--dataset-json",
  "-pfile": "--plans-json",
  "-plans_json": "--plans-json",
  "-pp_pkl_file": "--postprocessing",
  "-il": "--ignore-label",
  "--save_npz": "--npz",
  "--remove_postprocessed": "--remove-postprocessed",
  "-chk": "--checkpoint",
  "-step_size": "--step-size",
  "--step_size": "--step-size",
  "--disable_tta": "--disable-tta",
  "--save_probabilities": "--save-probabilities",
  "--continue_prediction": "--continue-prediction",
  "-prev_stage_predictions": "--prev-stage-predictions",
  "-num_parts": "--num-parts",
  "-part_id": "--part-id",
  "--disable_progress_bar": "--no-progress",
  "--disable_ensembling": "--disable-ensembling",
  "--disable_postprocessing": "--disable-postprocessing",
  "--no_overwrite": "--no-overwrite",
};

/** Spellings of nnU-Net v2 that mean something else, or nothing, for other commands. */
const FINGERPRINT = { "-fpe": "--fingerprint-extractor", "--no_pbar": "--no-progress" };
const PLANNING = {
  "-pl": "--planner",
  "-gpu_memory_target": "--gpu-memory-target",
  "-preprocessor_name": "--preprocessor-name",
  "-overwrite_target_spacing": "--overwrite-target-spacing",
  "-overwrite_plans_name": "--overwrite-plans-name",
};
const PREPROCESSING = { "-np": "--configuration-workers", "-plans_name": "--plans-name", "--no_pbar": "--no-progress" };
const RESULTS = { "-np": "--workers" };
const OWN_SPELLINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "extract-fingerprint": { ...FINGERPRINT, "-np": "--workers" },
  plan: PLANNING,
  ensemble: RESULTS,
  evaluate: RESULTS,
  "determine-postprocessing": RESULTS,
  "apply-postprocessing": RESULTS,
  "find-best": RESULTS,
  preprocess: PREPROCESSING,
  submit: { "-pl": "--planner" },
  status: { "-plans_name": "--plans-name" },
  "plan-and-preprocess": {
    ...FINGERPRINT,
    ...PLANNING,
    ...PREPROCESSING,
    "-npfp": "--fingerprint-workers",
    "--no_pp": "--no-preprocessing",
  },
};

/** The same arguments with nnU-Net's spellings (`-tl 4`, `-no_pp`, also `-tl=4`) replaced by ours. */
export function translateArguments(argv: readonly string[]): string[] {
  const own = OWN_SPELLINGS[argv[0] ?? ""] ?? {};
  const end = argv.indexOf("--");
  return argv.map((argument, index) => {
    if (end !== -1 && index >= end) return argument;
    const equals = argument.indexOf("=");
    const name = equals === -1 ? argument : argument.slice(0, equals);
    const spelling = own[name] ?? SPELLINGS[name];
    return spelling === undefined ? argument : spelling + argument.slice(name.length);
  });
}
