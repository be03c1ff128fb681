import { totalmem } from "node:os";
import { NnprepError } from "../core/errors.js";

/** Exit codes beside 0. */
export const FAILED = 1;
export const WRONG_USAGE = 2;
/** Something failed that may work when the same command runs again: `EX_TEMPFAIL` of BSD's sysexits.h. */
export const TRY_AGAIN = 75;
export const INTERRUPTED = 130;

/** What the system says of troubles that pass, or that another machine does not have. */
const PASSING: ReadonlySet<unknown> = new Set([
  "EAGAIN",
  "EBUSY",
  "ECONNREFUSED",
  "ECONNRESET",
  "EDQUOT",
  "EHOSTUNREACH",
  "EIO",
  "EMFILE",
  "ENETUNREACH",
  "ENFILE",
  "ENOMEM",
  "ENOSPC",
  "ESTALE",
  "ETIMEDOUT",
]);

/** Whether a server's answer is one of trouble of its own, or of too many requests. */
function isPassing(status: unknown): boolean {
  return typeof status === "number" && (status === 408 || status === 425 || status === 429 || status >= 500);
}

/**
 * Whether the same command may succeed when it runs again, perhaps elsewhere: a worker that died, memory that others
 * held, a disk or network that did not answer. Wrong files, folders and options stay wrong.
 */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof NnprepError)) return error instanceof Error && "code" in error && PASSING.has(error.code);
  const { code, detail } = error;
  if (code === "OUT_OF_MEMORY") return !(typeof detail.memoryBytes === "number" && detail.memoryBytes > totalmem());
  if (typeof detail.status === "number" && (detail.status >= 500 || detail.status === 429)) return true;
  return code === "WORKER_DIED" || code === "ABORTED" || PASSING.has(detail.reason) || isPassing(detail.status);
}
