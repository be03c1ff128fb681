import { NnprepError } from "../node.js";
import { plainError } from "./work.js";

/** What a command on few files has to say when it is done. */
interface FileReport {
  readonly text: string;
  readonly warnings: readonly string[];
  /** The same as plain values. */
  readonly document: object;
}

/** Prints what a command has to say as one JSON document. */
export function printDocument(command: string, document: object): void {
  process.stdout.write(`${JSON.stringify({ command, ...document }, null, 2)}\n`);
}

/** Prints why a command failed and sets the exit code; `known` stands in the document too. Other errors are thrown on. */
export function printError(command: string, json: boolean, error: unknown, known: object = {}): void {
  if (!(error instanceof NnprepError)) throw error;
  if (json) printDocument(command, { ok: false, ...known, error: plainError(error) });
  else process.stderr.write(`nnprep: ${error.message}\n`);
  process.exitCode = 1;
}

/** Runs a command on few files; prints its report or its error and sets the exit code. */
export async function runFileCommand(command: string, json: boolean, work: () => Promise<FileReport>): Promise<void> {
  try {
    const { text, warnings, document } = await work();
    if (json) return printDocument(command, { ok: true, ...document });
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    process.stdout.write(`${text}\n`);
  } catch (error) {
    printError(command, json, error);
  }
}
