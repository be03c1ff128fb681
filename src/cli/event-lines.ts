import { hostname } from "node:os";
import { plainError } from "../core/errors.js";
import type { Part } from "../runner/parts.js";
import type { CaseEvent } from "../runner/run.js";
import { mayPass } from "./exit-codes.js";

/** How many cases of a stage ended how. */
interface StageCount {
  finished: number;
  /** Of those that finished: made by an earlier run and left as they are. */
  kept: number;
  failed: number;
}

/** What a job may return beside its own: values of every recipe. */
interface KnownValue {
  readonly kept?: boolean;
  readonly skipped?: boolean;
  readonly warnings?: readonly (string | { readonly message: string })[];
}

/** `--json-lines`: what happens, one JSON object per line as it happens (docs/many-machines.md). */
export class EventLines {
  readonly #stages = new Map<string, StageCount>();
  #begun = false;

  constructor(
    readonly command: string,
    readonly part: () => Part | undefined,
  ) {}

  /** Writes one event; the first is preceded by `start`. */
  emit(event: string, fields: object): void {
    if (!this.#begun) {
      this.#begun = true;
      this.emit("start", { command: this.command, part: this.part() ?? null, host: hostname(), pid: process.pid });
    }
    process.stdout.write(`${JSON.stringify({ event, time: new Date().toISOString(), ...fields })}\n`);
  }

  /** @param place the dataset, where a command goes over several */
  case(event: CaseEvent, place: object): void {
    const { stage } = event;
    if (event.state === "started") {
      const { identifier, memoryBytes } = event;
      this.emit("case-started", { ...place, stage, case: identifier, estimatedMemoryBytes: memoryBytes });
      return;
    }
    const { outcome } = event;
    const count = this.#countOf(stage);
    const about = { ...place, stage, case: outcome.identifier };
    if (!outcome.ok) {
      count.failed++;
      this.emit("case-failed", { ...about, ...describeError(outcome.error) });
      return;
    }
    const { seconds, peakMemoryBytes, memoryWarning } = outcome;
    const value = (outcome.value ?? {}) as KnownValue;
    const kept = (value.kept ?? value.skipped) === true;
    const texts = (value.warnings ?? []).map((warning) => (typeof warning === "string" ? warning : warning.message));
    const warnings = memoryWarning === undefined ? texts : [...texts, memoryWarning];
    count.finished++;
    if (kept) count.kept++;
    this.emit("case-finished", { ...about, seconds, peakMemoryBytes, kept, warnings });
  }

  /** A failure that is not of one case. */
  error(error: unknown, place: object): void {
    this.emit("error", { ...place, ...describeError(error) });
  }

  end(ok: boolean, exitCode: number, seconds: number): void {
    this.emit("end", { ok, exitCode, seconds, stages: Object.fromEntries(this.#stages) });
  }

  #countOf(stage: string): StageCount {
    const count = this.#stages.get(stage) ?? { finished: 0, kept: 0, failed: 0 };
    this.#stages.set(stage, count);
    return count;
  }
}

function describeError(error: unknown): object {
  return { retry: mayPass(error), error: plainError(error) };
}
