import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A process that answers every line of JSON with a line of JSON. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;

  constructor(name: string, program: string, parameters: readonly string[], environment: NodeJS.ProcessEnv) {
    this.#name = name;
    this.#child = spawn(program, parameters, { env: environment, stdio: ["pipe", "pipe", "inherit"] });
    this.#child.on("error", () => undefined);
    this.#child.stdin?.on("error", () => undefined);
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  async ask<T>(command: string, message: object = {}): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify({ command, ...message })}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`${this.#name} ended during "${command}"`);
    const reply = JSON.parse(value) as T & { failure?: string };
    if (reply.failure !== undefined) throw new Error(`${this.#name}: ${reply.failure}`);
    return reply;
  }

  async finish(): Promise<void> {
    const ended = new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) resolve(null);
      else this.#child.once("exit", resolve);
    });
    this.#child.stdin?.write('{"command":"finish"}\n');
    this.#child.stdin?.end();
    await ended;
  }
}
