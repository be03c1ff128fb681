import { joinPath } from "../../core/paths.js";
import { PyFloat } from "../../core/python.js";
import { formatPythonJson, type PythonJson } from "../../io/python-json.js";
import { modelFolderName } from "./layout.js";

/** A trained model by what nnU-Net calls it. */
export interface ModelName {
  readonly trainer: string;
  readonly plans: string;
  readonly configuration: string;
}

/** A model, or an ensemble of two. */
export interface Candidate {
  /** nnU-Net's name of the model's or the ensemble's folder. */
  readonly name: string;
  readonly models: readonly ModelName[];
  /** By its cross-validation before post-processing; NaN if a region is nowhere. */
  readonly foregroundDice: number;
}

/** Processes that nnU-Net's own commands are told to use. */
const PROCESSES = 8;

/** `0_1_2_3_4` */
export function foldsName(folds: readonly number[]): string {
  return folds.join("_");
}

/** `crossval_results_folds_0_1_2_3_4` */
export function crossValidationFolder(folds: readonly number[]): string {
  return `crossval_results_folds_${foldsName(folds)}`;
}

/** The folder of a model below its dataset's results. */
export function folderOf({ trainer, plans, configuration }: ModelName): string {
  return modelFolderName(trainer, plans, configuration);
}

/** `ensemble___A___B___0_1_2_3_4` */
export function ensembleName(first: ModelName, second: ModelName, folds: readonly number[]): string {
  return ["ensemble", folderOf(first), folderOf(second), foldsName(folds)].join("___");
}

/** All combinations in nnU-Net's order: trainers, then configurations, then plans. */
export function modelNames(
  trainers: readonly string[],
  configurations: readonly string[],
  plans: readonly string[],
): ModelName[] {
  return trainers.flatMap((trainer) =>
    configurations.flatMap((configuration) => plans.map((name) => ({ trainer, plans: name, configuration }))),
  );
}

/**
 * The first candidate with the highest foreground Dice. One whose mean is NaN never wins, where nnU-Net 2.8.1 stops if it
 * is the first of all. Undefined if there is no other.
 */
export function bestCandidate<T extends Pick<Candidate, "foregroundDice">>(candidates: readonly T[]): T | undefined {
  let best: T | undefined;
  for (const candidate of candidates) {
    if (Number.isNaN(candidate.foregroundDice)) continue;
    if (best === undefined || candidate.foregroundDice > best.foregroundDice) best = candidate;
  }
  return best;
}

/** What is known of the choice. */
export interface Choice {
  readonly dataset: string;
  readonly folds: readonly number[];
  readonly models: readonly ModelName[];
  readonly candidates: readonly Candidate[];
  readonly best: Candidate;
  readonly ensembling: boolean;
  /** Foreground Dice of the best after post-processing. */
  readonly diceAfter: number;
  /** Files of the best, as they are to be written into commands. */
  readonly postprocessingFile: string;
  readonly plansFile: string;
  /** Configuration whose predictions a model needs, by the model's own folder name. */
  readonly previousStages: ReadonlyMap<string, string>;
}

/** The text of inference_information.json as nnU-Net 2.8.1 writes it. */
export function formatInferenceInformation(choice: Choice): string {
  const { best } = choice;
  const selected = best.models.map(
    ({ configuration, trainer, plans }): PythonJson =>
      new Map([
        ["configuration", configuration],
        ["trainer", trainer],
        ["plans_identifier", plans],
      ]),
  );
  const considered = choice.models.map(
    ({ plans, configuration, trainer }): PythonJson =>
      new Map([
        ["plans", plans],
        ["configuration", configuration],
        ["trainer", trainer],
      ]),
  );
  const document = new Map<string, PythonJson>([
    ["folds", [...choice.folds]],
    ["dataset_name_or_id", choice.dataset],
    ["considered_models", considered],
    ["ensembling_allowed", choice.ensembling],
    ["all_results", new Map(choice.candidates.map(({ name, foregroundDice }) => [name, new PyFloat(foregroundDice)]))],
    [
      "best_model_or_ensemble",
      new Map<string, PythonJson>([
        ["result_on_crossval_pre_pp", new PyFloat(best.foregroundDice)],
        ["result_on_crossval_post_pp", new PyFloat(choice.diceAfter)],
        ["postprocessing_file", choice.postprocessingFile],
        ["some_plans_file", choice.plansFile],
        ["selected_model_or_models", selected],
      ]),
    ],
  ]);
  return formatPythonJson(document, { indent: 4, sortKeys: true });
}

/** Folders that the commands go from and to; a model's, or an ensemble member's, and the previous stage's of it. */
function outputFolder(choice: Choice, index: number): string {
  return choice.best.models.length > 1 ? `OUTPUT_FOLDER_MODEL_${index + 1}` : "OUTPUT_FOLDER";
}

/** One command per model, with the one for its previous stage before it, as `command` words it. */
function predictCommands(
  choice: Choice,
  command: (model: ModelName, output: string, previous: string | undefined, save: boolean) => string,
): string[] {
  const save = choice.best.models.length > 1;
  return choice.best.models.flatMap((model, index) => {
    const output = outputFolder(choice, index);
    const stage = choice.previousStages.get(folderOf(model));
    if (stage === undefined) return [command(model, output, undefined, save)];
    const previous = `${output}_PREV_STAGE`;
    return [
      command({ ...model, configuration: stage }, previous, undefined, false),
      command(model, output, previous, save),
    ];
  });
}

/**
 * The text of nnU-Net 2.8.1's inference_instructions.txt. A cascade's commands name the previous stage here, which
 * nnU-Net forgets, so that they work.
 */
export function inferenceInstructions(choice: Choice): string {
  const folds = choice.folds.map((fold) => ` ${fold}`).join("");
  const lines = predictCommands(choice, (model, output, previous, save) =>
    [
      `nnUNetv2_predict -d ${choice.dataset} -i INPUT_FOLDER -o ${output} -f ${folds} -tr ${model.trainer} -c ${model.configuration} -p ${model.plans}`,
      ...(previous === undefined ? [] : [`-prev_stage_predictions ${previous}`]),
      ...(save ? ["--save_probabilities"] : []),
    ].join(" "),
  );
  const isEnsemble = choice.best.models.length > 1;
  const members = choice.best.models.map((_, index) => outputFolder(choice, index)).join(" ");
  return [
    "***Run inference like this:***\n",
    ...(isEnsemble
      ? ["An ensemble won! What a surprise! Run the following commands to run predictions with the ensemble members:\n"]
      : []),
    ...lines,
    ...(isEnsemble
      ? ["\nThe run ensembling with:\n", `nnUNetv2_ensemble -i ${members} -o OUTPUT_FOLDER -np ${PROCESSES}`]
      : []),
    "\n***Once inference is completed, run postprocessing like this:***\n",
    `nnUNetv2_apply_postprocessing -i OUTPUT_FOLDER -o OUTPUT_FOLDER_PP -pp_pkl_file ${choice.postprocessingFile} -np ${PROCESSES} -plans_json ${choice.plansFile}`,
    "",
  ].join("\n");
}

/** A word as a POSIX shell takes it: Python's `shlex.quote`. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** What this package does once the networks have predicted with the best. */
export function packageCommands({ best, postprocessingFile, plansFile }: Choice): string {
  const isEnsemble = best.models.length > 1;
  const members = best.models.map((_, index) => `OUTPUT_FOLDER_MODEL_${index + 1}`).join(" ");
  const dataset = joinPath(plansFile.slice(0, plansFile.lastIndexOf("/")), "dataset.json");
  const documents = `-plans_json ${quote(plansFile)} -dataset_json ${quote(dataset)}`;
  return [
    ...(isEnsemble ? [`nnprep ensemble -i ${members} -o OUTPUT_FOLDER`] : []),
    `nnprep apply-postprocessing -i OUTPUT_FOLDER -o OUTPUT_FOLDER_PP -pp_pkl_file ${quote(postprocessingFile)} ${documents}`,
    "",
  ].join("\n");
}
