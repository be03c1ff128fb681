import { NnprepError } from "../core/errors.js";
import { compareCodePoints } from "../core/paths.js";
import { type FilePiece, readInPieces } from "./read-in-pieces.js";
import type { Store } from "./store.js";

/** How an `HttpStore` asks. */
export interface HttpStoreOptions {
  /** Paths of all files, where they are known. Default: those that `files.txt` beside them lists, a path a line. */
  readonly files?: readonly string[] | undefined;
  /** Sent with each request, such as an Authorization. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How often a request is made at most that fails for a reason that may pass. Default 4. */
  readonly attempts?: number | undefined;
  /** What one request may take, its answer read. Default 60 s. */
  readonly timeoutSeconds?: number | undefined;
  /** Seconds before the second attempt; each later one waits four times as long. Default 0.25. */
  readonly firstWaitSeconds?: number | undefined;
  /** Bytes that are asked for at once. Default 16 MiB. */
  readonly pieceBytes?: number | undefined;
}

/** Document that lists the files below it, for no server has a listing that programs can rely on. */
export const FILES_DOCUMENT = "files.txt";

const LONGEST_WAIT_SECONDS = 30;

/** True for answers that another attempt may change: overload, time-outs, what gateways say of servers behind them. */
function mayPass(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** Seconds that a server asks to wait, if it does. */
function askedWait(response: Response): number {
  const seconds = Number(response.headers.get("retry-after") ?? 0);
  return Number.isFinite(seconds) ? Math.min(seconds, LONGEST_WAIT_SECONDS) : 0;
}

/** Size of the file by `Content-Range: bytes 0-99/1234`; pages see that header only where the server exposes it. */
function totalOf(response: Response): number | null {
  const total = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  return total === undefined ? null : Number(total);
}

/** An answer that is not the file. */
class HttpFailure extends Error {
  readonly status: number;
  readonly waitSeconds: number;

  constructor(response: Response) {
    super(`${response.status} ${response.statusText}`.trim());
    this.status = response.status;
    this.waitSeconds = askedWait(response);
    // The connection is free again.
    response.body?.cancel().catch(() => undefined);
  }
}

function baseOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new NnprepError("INVALID_ARGUMENT", `"${text}" found; expected the URL of a folder, https://server/folder`, {
      found: text,
    });
  }
  url.hash = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

function readOnly(url: string): NnprepError {
  return new NnprepError("CANNOT_WRITE", `${url}: an HTTP server is only read from; write to a folder or to s3://`, {
    file: url,
  });
}

/** @throws NnprepError UNSUPPORTED where the bytes that arrive are not those of the file */
function checkEncoding(url: string, response: Response): void {
  const encoding = response.headers.get("content-encoding") ?? "identity";
  const pathname = new URL(url).pathname;
  if (encoding === "identity" || (response.status === 200 && !pathname.endsWith(".gz"))) return;
  response.body?.cancel().catch(() => undefined);
  throw new NnprepError(
    "UNSUPPORTED",
    `${url}: served with Content-Encoding "${encoding}", which is unpacked on the way; serve the files as they are`,
    { file: url, status: response.status, found: encoding },
  );
}

function describeFailure(url: string, error: unknown, attempts: number, timeoutSeconds: number): NnprepError {
  const often = attempts === 1 ? "" : `, ${attempts} attempts`;
  const fail = (text: string, detail: object) =>
    new NnprepError("FILE_NOT_FOUND", `${url}: ${text}`, { file: url, attempts, ...detail });
  if (error instanceof HttpFailure) {
    const { status, message } = error;
    if (status === 404 || status === 410) return fail(`no such file (${message})`, { status });
    const hint = status === 401 || status === 403 ? "give what the server asks for in headers" : "try again later";
    return fail(`the server answers ${message}${often}; ${hint}`, { status });
  }
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return fail(`no whole answer within ${timeoutSeconds} s${often}; try again later`, {
      status: null,
      reason: "ETIMEDOUT",
    });
  }
  const { message, cause } = error as Error & { readonly cause?: { readonly code?: string } };
  const why = cause?.code ?? message;
  // Node's own names for a connection that was cut.
  const reason = /^UND_ERR|^terminated/.test(why) ? "ECONNRESET" : why;
  return fail(
    `cannot be reached (${why}${often}); check the address, and in a page that the server allows its origin`,
    { status: null, reason },
  );
}

/**
 * Files of any HTTP server, read only, in Node and in a page (where the server has to allow the page's origin). Files are
 * asked for in ranges, so that a head is not paid for with the whole file and a connection that breaks costs one piece;
 * servers that do not know ranges send whole files.
 */
export class HttpStore implements Store {
  readonly #base: URL;
  readonly #options: HttpStoreOptions;
  #files: Promise<readonly string[]> | undefined;

  /** @param url of the folder; what stands after a `?` is sent with each request. @throws NnprepError INVALID_ARGUMENT */
  constructor(url: string, options: HttpStoreOptions = {}) {
    this.#base = baseOf(url);
    this.#options = options;
  }

  location(path: string): string {
    if (path === "") return this.#base.href;
    // Each part by itself: names may hold "?", "#" and "%".
    const url = new URL(path.split("/").map(encodeURIComponent).join("/"), this.#base);
    url.search = this.#base.search;
    return url.href;
  }

  /** @throws NnprepError FILE_NOT_FOUND, which names the URL and the status */
  async read(path: string): Promise<Uint8Array> {
    const { pieceBytes = 1 << 24 } = this.#options;
    return readInPieces(this.location(path), pieceBytes, (begin, end) => this.#readRange(path, begin, end));
  }

  /** @throws NnprepError FILE_NOT_FOUND, which names the URL and the status */
  async readHead(path: string, byteLength: number): Promise<Uint8Array> {
    return (await this.#readRange(path, 0, byteLength)).bytes.subarray(0, byteLength);
  }

  async write(path: string): Promise<void> {
    throw readOnly(this.location(path));
  }

  async exists(path: string): Promise<boolean> {
    return (await this.byteLength(path)) !== null;
  }

  /** @throws NnprepError FILE_NOT_FOUND for any answer but that the file is there, or that it is not */
  async byteLength(path: string): Promise<number | null> {
    const told = await this.#request(this.location(path), { method: "HEAD" }, async (response) => {
      if (response.status === 404 || response.status === 410) return null;
      if (mayPass(response.status)) throw new HttpFailure(response);
      const length = response.headers.get("content-length");
      const isWhole = response.headers.get("content-encoding") === null;
      return response.ok && isWhole && length !== null ? Number(length) : undefined;
    });
    // A server that knows no HEAD or tells no length: a range tells it, or the file itself.
    if (told !== undefined) return told;
    return (await this.#readRange(path, 0, 1)).total ?? (await this.read(path)).byteLength;
  }

  /**
   * Names of the files directly in a folder, by the list that was given or by `files.txt`.
   * @throws NnprepError FILE_NOT_FOUND without either: a server's own listing is a page for people
   */
  async list(folder = ""): Promise<string[]> {
    this.#files ??= this.#listAll();
    const prefix = folder === "" ? "" : `${folder}/`;
    const names = (await this.#files)
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length));
    return names.filter((name) => name !== "" && !name.includes("/")).sort(compareCodePoints);
  }

  async remove(path: string): Promise<void> {
    throw readOnly(this.location(path));
  }

  async #listAll(): Promise<readonly string[]> {
    const { files } = this.#options;
    if (files !== undefined) return files;
    try {
      const text = new TextDecoder().decode(await this.read(FILES_DOCUMENT));
      return text.split(/\r?\n/).map((line) => line.replace(/^\.\//, ""));
    } catch (error) {
      if (!(error instanceof NnprepError) || error.detail.status !== 404) throw error;
      const file = this.location(FILES_DOCUMENT);
      throw new NnprepError(
        "FILE_NOT_FOUND",
        `${file}: no such file (404); a server does not tell which files it has. Put a list there, a path a line ` +
          `(find * -type f > ${FILES_DOCUMENT}), or list the cases in dataset.json`,
        { file, status: 404 },
      );
    }
  }

  /** The bytes of `[begin, end)`; the whole file where the server does not know ranges. */
  #readRange(path: string, begin: number, end: number): Promise<FilePiece> {
    const headers = { Range: `bytes=${begin}-${end - 1}` };
    return this.#request(this.location(path), { headers }, async (response, url) => {
      const { status } = response;
      // Nothing begins there: an empty file has no first byte, and where sizes are not told the end is found so.
      if (status === 416) return { bytes: new Uint8Array(), begin, total: begin, version: null };
      if (status !== 200 && status !== 206) throw new HttpFailure(response);
      checkEncoding(url, response);
      const version = response.headers.get("etag") ?? response.headers.get("last-modified");
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (status === 200) return { bytes, begin: 0, total: bytes.length, version };
      const isEnd = bytes.length < end - begin;
      return { bytes, begin, total: totalOf(response) ?? (isEnd ? begin + bytes.length : null), version };
    });
  }

  /** Makes a request and reads its answer, again after failures that may pass. @throws NnprepError FILE_NOT_FOUND */
  async #request<T>(
    url: string,
    init: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> },
    read: (response: Response, url: string) => Promise<T>,
  ): Promise<T> {
    const { headers, attempts = 4, timeoutSeconds = 60, firstWaitSeconds = 0.25 } = this.#options;
    let wait = firstWaitSeconds;
    for (let attempt = 1; ; attempt++) {
      try {
        const signal = AbortSignal.timeout(timeoutSeconds * 1000);
        return await read(await fetch(url, { ...init, headers: { ...headers, ...init.headers }, signal }), url);
      } catch (error) {
        if (error instanceof NnprepError) throw error;
        const isFinal = error instanceof HttpFailure && !mayPass(error.status);
        if (isFinal || attempt >= attempts) throw describeFailure(url, error, attempt, timeoutSeconds);
        const seconds = Math.max(wait, error instanceof HttpFailure ? error.waitSeconds : 0);
        await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
        wait *= 4;
      }
    }
  }
}
