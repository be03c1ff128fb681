/** Stable, machine-readable reasons for a failure. */
export type ErrorCode =
  | "CORRUPT_FILE"
  | "UNSUPPORTED"
  | "FILE_NOT_FOUND"
  | "SHAPE_MISMATCH"
  | "GEOMETRY_MISMATCH"
  | "INVALID_ARGUMENT"
  | "INVALID_DATASET"
  | "INVALID_PLANS"
  | "INVALID_VALUES"
  | "EMPTY_IMAGE"
  | "NOT_INITIALIZED"
  | "CANNOT_WRITE"
  | "OUT_OF_MEMORY"
  | "WORKER_DIED"
  | "ABORTED";

/** Facts behind a message, for machines: file, found, expected ... Plain values only. */
export type ErrorDetail = Readonly<Record<string, unknown>>;

/** What an error looks like on its way through a worker boundary. */
export interface PlainError {
  readonly nnprepError: true;
  readonly code: ErrorCode;
  readonly message: string;
  readonly detail: ErrorDetail;
}

/**
 * The one error class of the package. The message says what was found, what was expected, in which file,
 * and what to do; `detail` holds the same facts as plain values.
 */
export class NnprepError extends Error {
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message);
    this.name = "NnprepError";
    this.code = code;
    this.detail = detail;
  }

  /** The same error with `file` put in front of the message and into `detail`, unless it names one already. */
  inFile(file: string): NnprepError {
    if (this.detail.file !== undefined) return this;
    return new NnprepError(this.code, `${file}: ${this.message}`, { file, ...this.detail });
  }

  /** A form that structured cloning keeps whole (a cloned Error loses class and code). */
  toPlain(): PlainError {
    return { nnprepError: true, code: this.code, message: this.message, detail: this.detail };
  }

  static fromPlain(plain: PlainError): NnprepError {
    return new NnprepError(plain.code, plain.message, plain.detail);
  }
}

/** Does `work`, whose errors name the file it was about unless they name one already. */
export async function inFile<T>(file: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(file) : error;
  }
}

/** An error as plain values, for documents that machines read. */
export interface ErrorFacts {
  readonly code: ErrorCode | "UNEXPECTED";
  readonly message: string;
  readonly detail?: ErrorDetail;
}

/**
 * What an error says, as plain values. Errors of other classes are `UNEXPECTED`: those of the system (no such file, disk
 * full) keep their message, all others their stack too, since somebody has to look into them.
 */
export function plainError(error: unknown): ErrorFacts {
  if (error instanceof NnprepError) return { code: error.code, message: error.message, detail: error.detail };
  if (!(error instanceof Error)) return { code: "UNEXPECTED", message: String(error) };
  const isOfSystem = "syscall" in error;
  return { code: "UNEXPECTED", message: isOfSystem ? error.message : (error.stack ?? error.message) };
}
