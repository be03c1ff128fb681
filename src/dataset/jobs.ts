import { cascadeOneCase } from "./cascade.js";
import { cropOneCase } from "./crop.js";
import { ensembleOneCase } from "./ensemble.js";
import { evaluateOneCase } from "./evaluate.js";
import { exportOneCase } from "./export.js";
import { collectOneCase } from "./fingerprint.js";
import { applyToOneFile, scoreOneCase } from "./postprocess.js";
import { preprocessOneCase } from "./preprocess.js";
import { verifyOneCase } from "./verify-task.js";

/** One job of a stage: its stores and its structured-cloneable argument in, a structured-cloneable result out. */
export type Job = (stores: never, argument: never) => Promise<unknown>;

/** The jobs that executors run, under the names that the stages ask for. */
export const JOBS: Readonly<Record<string, Job>> = {
  verify: verifyOneCase,
  crop: cropOneCase,
  collect: collectOneCase,
  preprocess: preprocessOneCase,
  export: exportOneCase,
  ensemble: ensembleOneCase,
  cascade: cascadeOneCase,
  evaluate: evaluateOneCase,
  score: scoreOneCase,
  postprocess: applyToOneFile,
};
