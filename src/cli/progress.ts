import cliProgress from "cli-progress";
import type { Progress } from "../runner/run.js";

/** Shows the stages one after the other on stderr: a bar on a terminal, a line now and then in a log. */
export class ProgressBar {
  #bar: cliProgress.SingleBar | undefined;
  #stage = "";

  constructor(
    readonly enabled: boolean,
    readonly task: string,
  ) {}

  readonly show = (progress: Progress): void => {
    if (!this.enabled || progress.total === 0) return;
    if (progress.stage !== this.#stage) this.#start(progress);
    this.#bar?.update(progress.done, { identifier: progress.identifier ?? "" });
    if (progress.done === progress.total) this.stop();
  };

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#stage = "";
  }

  #start(progress: Progress): void {
    this.stop();
    this.#stage = progress.stage;
    this.#bar = new cliProgress.SingleBar({
      format: `${this.task} ${progress.stage} [{bar}] {value}/{total} {identifier}`,
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: 5000,
      barsize: 24,
      hideCursor: false,
    });
    this.#bar.start(progress.total, progress.done, { identifier: "" });
  }
}
