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
