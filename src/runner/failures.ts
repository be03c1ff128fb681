import { type ErrorFacts, NnprepError, plainError } from "../core/errors.js";
import { joinPath } from "../core/paths.js";
import { RECORDS } from "./record.js";
import type { CaseEvent, RunOptions } from "./run.js";
import type { Store } from "./store.js";

/** Beside the records of what is done: why cases of a stage failed when they were tried last. */
const FOLDER = joinPath(RECORDS, "failed");

function failurePath(stage: string, identifier: string): string {
  return joinPath(FOLDER, stage, `${identifier}.json`);
}

/**
 * The same options, with which a stage also notes its failures in a store, and takes the note back when the case is done.
 * A note that cannot be written is left out: the failure itself is reported all the same.
 * @param stage name of the folder of the notes
 */
export function noteFailures<O extends RunOptions>(store: Store, stage: string, options: O): O {
  const onCase = async (event: CaseEvent) => {
    if (event.state === "ended") await noteEnd(store, stage, event.outcome).catch(() => undefined);
    await options.onCase?.(event);
  };
  return { ...options, onCase };
}

async function noteEnd(
  store: Store,
  stage: string,
  outcome: Extract<CaseEvent, { state: "ended" }>["outcome"],
): Promise<void> {
  const path = failurePath(stage, outcome.identifier);
  if (outcome.ok) return store.remove(path);
  // What is stopped is not tried to its end.
  if (outcome.error instanceof NnprepError && outcome.error.code === "ABORTED") return;
  await store.write(path, new TextEncoder().encode(JSON.stringify(plainError(outcome.error))));
}

/** Why a case failed when it was tried last; null if it did not, or nobody could note it. */
export async function readFailure(store: Store, stage: string, identifier: string): Promise<ErrorFacts | null> {
  try {
    return JSON.parse(new TextDecoder().decode(await store.read(failurePath(stage, identifier)))) as ErrorFacts;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof NnprepError) return null;
    throw error;
  }
}
