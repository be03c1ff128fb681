import { NnprepError } from "../core/errors.js";
import type { CaseOutcome } from "../runner/run.js";

/** The values of outcomes that must all be there. @throws NnprepError INVALID_DATASET that names those that are not */
export function requireAll<R>(outcomes: readonly CaseOutcome<R>[], verb: string): R[] {
  const failed = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome]));
  if (failed.length > 0) {
    const list = failed.map(({ identifier, error }) => `${identifier}: ${error.message}`).join("; ");
    throw new NnprepError(
      "INVALID_DATASET",
      `${failed.length} of ${outcomes.length} cases could not be ${verb}, and a decision without them might be another one. ${list}`,
      { failed: failed.map(({ identifier }) => identifier) },
    );
  }
  return outcomes.map((outcome) => (outcome as { value: R }).value);
}
