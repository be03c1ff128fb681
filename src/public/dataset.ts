/** Many cases: stores, runs over cases, verification; runs in Node and in the browser. */
export type { ComparedStores, PredictionFiles } from "../recipes/prediction-files.js";
export { loadVolume } from "../recipes/scan-files.js";
export { parseTaskDescription, type TaskDescription } from "../recipes/task-description.js";
export {
  describeFindings,
  type Finding,
  type FindingKind,
  groupFindings,
  type Verification,
} from "../recipes/verify/findings.js";
export { type CaseFile, type CaseVerification, verifyCase } from "../recipes/verify/verify-case.js";
export { HttpStore, type HttpStoreOptions } from "../runner/http-store.js";
export { LocalExecutor } from "../runner/local-executor.js";
export { MemoryStore } from "../runner/memory-store.js";
export type { CaseEvent, CaseOutcome, Executor, Measured, Progress, RunOptions } from "../runner/run.js";
export type { FileContent, Store } from "../runner/store.js";
