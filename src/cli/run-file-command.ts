import { NnprepError } from "../node.js";
import { plainError } from "./work.js";

/** What a command on few files has to say when it is done. */
interface FileReport {
  readonly text: string;
  readonly warnings: readonly string[];
  /** The same as plain values. */
  readonly document: object;
}

/** Runs a command on few files; prints its report or its error and sets the exit code. */
export async function runFileCommand(command: string, json: boolean, work: () => Promise<FileReport>): Promise<void> {
  const print = (document: object) => {
    process.stdout.write(`${JSON.stringify({ command, ...document }, null, 2)}\n`);
  };
  try {
    const { text, warnings, document } = await work();
    if (json) return print({ ok: true, ...document });
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    process.stdout.write(`${text}\n`);
  } catch (error) {
    if (!(error instanceof NnprepError)) throw error;
    if (json) print({ ok: false, error: plainError(error) });
    else process.stderr.write(`nnprep: ${error.message}\n`);
    process.exitCode = 1;
  }
}
