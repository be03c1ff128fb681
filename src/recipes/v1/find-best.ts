import { joinPath } from "../../core/paths.js";
import { addForegroundMean, type Summary, summaryClasses } from "./documents/summary.js";
import { DEFAULT_NAMES, ensembleMembers, type ModelNames } from "./layout.js";

/** A model or an ensemble of two, with its cross-validation before post-processing. */
export interface Candidate {
  /** `3d_fullres`, or nnU-Net's name of an ensemble. */
  readonly name: string;
  readonly isEnsemble: boolean;
  /** NaN if a class has no Dice. */
  readonly meanForegroundDice: number;
  readonly summary: Summary;
}

/**
 * The candidates with the highest mean foreground Dice; several only if exactly equal, of which nnU-Net takes the last.
 * A candidate whose mean is NaN never wins; for nnU-Net 1.7.1 one of them means that there is no winner at all.
 */
export function bestCandidates<T extends Pick<Candidate, "meanForegroundDice">>(candidates: readonly T[]): T[] {
  const dices = candidates.map(({ meanForegroundDice }) => meanForegroundDice).filter((dice) => !Number.isNaN(dice));
  const best = dices.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return candidates.filter(({ meanForegroundDice }) => meanForegroundDice === best);
}

export interface CommandSettings extends ModelNames {
  readonly task: string;
  /** Folder that holds the ensembles of this task, as it is to be written into commands. */
  readonly ensemblesFolder: string;
  readonly withPostprocessing: boolean;
}

/** A word as a POSIX shell takes it: Python's `shlex.quote`. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

/**
 * How test cases are to be predicted with the winners: the text of nnU-Net 1.7.1's prediction_commands.txt, which is
 * what it prints.
 */
export function predictionCommands(winners: readonly Candidate[], settings: CommandSettings): string {
  const { task, ensemblesFolder, withPostprocessing } = settings;
  const trainer = settings.trainer ?? DEFAULT_NAMES.trainer;
  const cascadeTrainer = settings.cascadeTrainer ?? DEFAULT_NAMES.cascadeTrainer;
  const plans = settings.plans ?? DEFAULT_NAMES.plans;
  const predict = (model: string, output: string, end: string) =>
    `nnUNet_predict -i FOLDER_WITH_TEST_CASES -o ${output} -tr ${trainer} -ctr ${cascadeTrainer} -m ${model} -p ${plans} -t ${task}${end}\n`;
  return winners
    .map(({ name, isEnsemble }) => {
      if (!isEnsemble) return predict(name, "OUTPUT_FOLDER_MODEL1", "");
      const [first, second] = ensembleMembers(name);
      const postprocessing = withPostprocessing
        ? ` -pp ${quote(joinPath(ensemblesFolder, name, "postprocessing.json"))}`
        : "";
      return (
        predict(first, "OUTPUT_FOLDER_MODEL1", " -z") +
        predict(second, "OUTPUT_FOLDER_MODEL2", " -z") +
        `nnUNet_ensemble -f OUTPUT_FOLDER_MODEL1 OUTPUT_FOLDER_MODEL2 -o OUTPUT_FOLDER${postprocessing}\n`
      );
    })
    .join("");
}

/**
 * What this package does once the networks have predicted with a winner: the ensemble and its post-processing. Empty if
 * there is nothing to be done.
 *
 * @param postprocessing its postprocessing.json, null to leave it out
 */
export function packageCommands({ isEnsemble }: Pick<Candidate, "isEnsemble">, postprocessing: string | null): string {
  const option = postprocessing === null ? "" : ` -pp ${quote(postprocessing)}`;
  if (isEnsemble) {
    return `nnprep ensemble -f OUTPUT_FOLDER_MODEL1 OUTPUT_FOLDER_MODEL2 -o OUTPUT_FOLDER --export${option}\n`;
  }
  return postprocessing === null
    ? ""
    : `nnprep apply-postprocessing -i OUTPUT_FOLDER_MODEL1 -o OUTPUT_FOLDER${option}\n`;
}

/** C's `%01.4f`, which rounds what lies exactly in the middle to the even digit where `toFixed` rounds it up. */
function fourDecimals(value: number): string {
  if (Number.isNaN(value)) return "nan";
  const isTie = /\.\d{4}50*$/.test(value.toFixed(40));
  const down = value.toFixed(40).slice(0, -36);
  return isTie && Number(down.at(-1)) % 2 === 0 ? down : value.toFixed(4);
}

/**
 * The text of nnU-Net 1.7.1's summary.csv: Dice of every class and candidate. Columns bear the class's label, which is
 * nnU-Net's number of the class as long as labels are 1, 2, 3 ...
 */
export function candidatesCsv(candidates: readonly Candidate[]): string {
  const [first] = candidates;
  if (first === undefined) return "";
  const labels = summaryClasses(first.summary).sort((a, b) => a - b);
  const header = ["model", ...labels.map((label) => `class${label}`), "average"].join(",");
  const rows = candidates.map(({ name, summary }) => {
    const { mean } = addForegroundMean(summary);
    const dice = (label: string) => fourDecimals(mean.get(label)?.get("Dice") ?? Number.NaN);
    return [name, ...labels.map((label) => dice(`${label}`)), dice("mean")].join(",");
  });
  return `${[header, ...rows].join("\n")}\n`;
}
