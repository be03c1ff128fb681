import type { NamedJob } from "../../../runner/jobs.js";
import { cascadeJob } from "./cascade.js";
import { ensembleJob } from "./ensemble.js";
import { evaluateJob } from "./evaluate.js";
import { exportJob } from "./export.js";
import { measureAgainJob, measureJob, takeForegroundJob } from "./fingerprint.js";
import { applyJob, scoreJob } from "./postprocess.js";
import { preprocessJob } from "./preprocess.js";
import { verifyJob } from "./verify.js";

/** Every job of this generation, for worker processes, which know a job by its name only. */
export const jobs: readonly NamedJob[] = [
  verifyJob,
  takeForegroundJob,
  measureJob,
  measureAgainJob,
  preprocessJob,
  exportJob,
  ensembleJob,
  evaluateJob,
  scoreJob,
  applyJob,
  cascadeJob,
];
