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
};

/** The same arguments with nnU-Net's spellings (`-tl 4`, `-no_pp`, also `-tl=4`) replaced by ours. */
export function translateArguments(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.map((argument, index) => {
    if (end !== -1 && index >= end) return argument;
    const equals = argument.indexOf("=");
    const name = equals === -1 ? argument : argument.slice(0, equals);
    const spelling = SPELLINGS[name];
    return spelling === undefined ? argument : spelling + argument.slice(name.length);
  });
}
