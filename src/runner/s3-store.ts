import { NnprepError } from "../core/errors.js";
import { compareCodePoints } from "../core/paths.js";
import { type FilePiece, readInPieces } from "./read-in-pieces.js";
import type { FileContent, Store } from "./store.js";

type Sdk = typeof import("@aws-sdk/client-s3");
type Client = InstanceType<Sdk["S3Client"]>;

/** Bytes of one request. A file of S3 may have 10,000 parts: 156 GiB of these. */
const PART_BYTES = 1 << 24;
/** Attempts to read a piece whose body breaks off; failures before that are repeated by the client itself. */
const ATTEMPTS = 4;
const CONNECTION_MS = 10_000;
const REQUEST_MS = 120_000;

/** One client for all stores of a process: it looks credentials up once and keeps connections. */
let opened: Promise<{ readonly sdk: Sdk; readonly client: Client }> | undefined;

async function openClient(location: string): Promise<{ readonly sdk: Sdk; readonly client: Client }> {
  const sdk = await import("@aws-sdk/client-s3").catch((error: unknown) => {
    throw new NnprepError(
      "UNSUPPORTED",
      `${location}: s3:// needs the package @aws-sdk/client-s3, which cannot be loaded (${(error as Error).message}); ` +
        "install it beside nnprep: npm install @aws-sdk/client-s3",
      { package: "@aws-sdk/client-s3" },
    );
  });
  // Advice on later versions of Node, for whoever chooses the package's version; stderr may be read by machines.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const isOwnServer = (AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL ?? "") !== "";
  // The client knows AWS_REGION and its configuration files; other servers mostly do not care, but it insists.
  const region = AWS_REGION || AWS_DEFAULT_REGION || (isOwnServer ? "us-east-1" : undefined);
  const client = new sdk.S3Client({
    ...(region === undefined ? {} : { region }),
    // A server of one's own seldom has a name for each bucket.
    forcePathStyle: isOwnServer,
    requestHandler: { connectionTimeout: CONNECTION_MS, requestTimeout: REQUEST_MS },
  });
  return { sdk, client };
}

/** What the client's errors tell. */
interface ServiceError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

function statusOf(error: unknown): number | null {
  return (error as ServiceError).$metadata?.httpStatusCode ?? null;
}

/** As the system calls it, where the server did not answer. */
function reasonOf(error: unknown): string | null {
  const { name, code } = error as ServiceError;
  return name === "TimeoutError" ? "ETIMEDOUT" : (code ?? null);
}

/** Regroups the bytes of a file into parts of one size, the last one smaller. */
async function* inParts(content: FileContent, partBytes: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  const take = () => {
    const part = held.length === 1 ? held[0] : Buffer.concat(held);
    held = [];
    length = 0;
    return part;
  };
  // What is made on the way may be made in the same memory again.
  const isMade = Symbol.asyncIterator in content;
  for await (const piece of content instanceof Uint8Array ? [content] : content) {
    let rest = piece;
    while (length + rest.length >= partBytes) {
      const end = partBytes - length;
      held.push(rest.subarray(0, end));
      yield take();
      rest = rest.subarray(end);
    }
    if (rest.length === 0) continue;
    held.push(isMade ? rest.slice() : rest);
    length += rest.length;
  }
  if (length > 0) yield take();
}

/**
 * Files in S3, or in a server that speaks as it does, below a prefix of a bucket. Where it is and who asks is said as to
 * all of Amazon's tools: `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_PROFILE` ... A file appears under its
 * name when it is there whole, never before, whatever happens to the writer.
 */
export class S3Store implements Store {
  readonly #bucket: string;
  /** "" or with "/" at its end. */
  readonly #prefix: string;

  /** @param location `s3://bucket` or `s3://bucket/prefix`. @throws NnprepError INVALID_ARGUMENT */
  constructor(location: string) {
    const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)\/*(.*?)\/*$/.exec(location) ?? [];
    if (bucket === undefined) {
      throw new NnprepError("INVALID_ARGUMENT", `"${location}" found; expected s3://BUCKET or s3://BUCKET/PREFIX`, {
        found: location,
      });
    }
    this.#bucket = bucket;
    this.#prefix = prefix === "" ? "" : `${prefix}/`;
  }

  location(path: string): string {
    return `s3://${this.#bucket}/${this.#keyOf(path)}`.replace(/\/$/, "");
  }

  /** @throws NnprepError FILE_NOT_FOUND, UNSUPPORTED without the client's package */
  async read(path: string): Promise<Uint8Array> {
    return readInPieces(this.location(path), PART_BYTES, (begin, end) => this.#readRange(path, begin, end));
  }

  /** @throws NnprepError FILE_NOT_FOUND, UNSUPPORTED without the client's package */
  async readHead(path: string, byteLength: number): Promise<Uint8Array> {
    return (await this.#readRange(path, 0, byteLength)).bytes;
  }

  /**
   * Writes a file in one request, or a larger one in parts that become a file when the last one is there. Parts of a file
   * that cannot be finished are removed.
   * @throws NnprepError CANNOT_WRITE, UNSUPPORTED without the client's package
   */
  async write(path: string, bytes: FileContent): Promise<void> {
    const { sdk, client } = await this.#open();
    const name = { Bucket: this.#bucket, Key: this.#keyOf(path) };
    const parts = inParts(bytes, PART_BYTES);
    try {
      const first = await parts.next();
      const second = first.done === true ? first : await parts.next();
      if (second.done === true) {
        await client.send(new sdk.PutObjectCommand({ ...name, Body: first.value ?? new Uint8Array() }));
      } else {
        await this.#writeParts(name, chain([first.value as Uint8Array, second.value], parts));
      }
    } catch (error) {
      throw this.#cannotWrite(path, error);
    }
  }

  async exists(path: string): Promise<boolean> {
    return (await this.byteLength(path)) !== null;
  }

  /** @throws NnprepError FILE_NOT_FOUND if the server does not tell whether it is there */
  async byteLength(path: string): Promise<number | null> {
    const { sdk, client } = await this.#open();
    try {
      const head = new sdk.HeadObjectCommand({ Bucket: this.#bucket, Key: this.#keyOf(path) });
      return (await client.send(head)).ContentLength ?? 0;
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw this.#cannotRead(path, error);
    }
  }

  /** @throws NnprepError FILE_NOT_FOUND if the server does not tell */
  async list(folder = ""): Promise<string[]> {
    return (await this.#list(folder)).files;
  }

  /** Names of the folders directly below: what keys go on with up to the next "/". */
  async listFolders(): Promise<string[]> {
    return (await this.#list("")).folders;
  }

  async remove(path: string): Promise<void> {
    const { sdk, client } = await this.#open();
    try {
      await client.send(new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: this.#keyOf(path) }));
    } catch (error) {
      throw this.#cannotWrite(path, error);
    }
  }

  #open(): Promise<{ readonly sdk: Sdk; readonly client: Client }> {
    opened ??= openClient(this.location(""));
    return opened;
  }

  /** "." and ".." are part of a key to S3, and of no path that is meant. */
  #keyOf(path: string): string {
    const names: string[] = [];
    for (const name of path.split("/")) {
      if (name === "..") names.pop();
      else if (name !== "." && name !== "") names.push(name);
    }
    return this.#prefix + names.join("/");
  }

  async #list(folder: string): Promise<{ files: string[]; folders: string[] }> {
    const { sdk, client } = await this.#open();
    const key = this.#keyOf(folder);
    const prefix = folder === "" ? this.#prefix : `${key}/`;
    const files: string[] = [];
    const folders: string[] = [];
    const wanted = { Bucket: this.#bucket, Prefix: prefix, Delimiter: "/" };
    let next: string | undefined;
    try {
      do {
        const token = next === undefined ? {} : { ContinuationToken: next };
        const page = await client.send(new sdk.ListObjectsV2Command({ ...wanted, ...token }));
        // A key that ends with "/" stands for a folder in some browsers of buckets.
        for (const { Key = "" } of page.Contents ?? []) if (Key !== prefix) files.push(Key.slice(prefix.length));
        for (const { Prefix = "" } of page.CommonPrefixes ?? []) folders.push(Prefix.slice(prefix.length, -1));
        next = page.NextContinuationToken;
      } while (next !== undefined);
    } catch (error) {
      throw this.#cannotRead(folder, error);
    }
    return { files: files.sort(compareCodePoints), folders: folders.sort(compareCodePoints) };
  }

  async #readRange(path: string, begin: number, end: number): Promise<FilePiece> {
    const { sdk, client } = await this.#open();
    const name = { Bucket: this.#bucket, Key: this.#keyOf(path) };
    for (let attempt = 1; ; attempt++) {
      try {
        const found = await client.send(new sdk.GetObjectCommand({ ...name, Range: `bytes=${begin}-${end - 1}` }));
        const bytes = (await found.Body?.transformToByteArray()) ?? new Uint8Array();
        const total = /\/(\d+)$/.exec(found.ContentRange ?? "")?.[1];
        return { bytes, begin, total: total === undefined ? bytes.length : Number(total), version: found.ETag ?? null };
      } catch (error) {
        // An empty file has no first byte.
        if (statusOf(error) === 416 && begin === 0) return { bytes: new Uint8Array(), begin, total: 0, version: null };
        if (statusOf(error) !== null || attempt >= ATTEMPTS) throw this.#cannotRead(path, error);
      }
    }
  }

  async #writeParts(name: { Bucket: string; Key: string }, parts: AsyncIterable<Uint8Array>): Promise<void> {
    const { sdk, client } = await this.#open();
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(name));
    const upload = { ...name, UploadId };
    try {
      const Parts: { ETag: string | undefined; PartNumber: number }[] = [];
      for await (const Body of parts) {
        const PartNumber = Parts.length + 1;
        const { ETag } = await client.send(new sdk.UploadPartCommand({ ...upload, PartNumber, Body }));
        Parts.push({ ETag, PartNumber });
      }
      await client.send(new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
    } catch (error) {
      await client.send(new sdk.AbortMultipartUploadCommand(upload)).catch(() => undefined);
      throw error;
    }
  }

  #cannotRead(path: string, error: unknown): NnprepError {
    const file = this.location(path);
    const status = statusOf(error);
    const what = status === 404 && path !== "" ? "no such file" : "cannot be read";
    return new NnprepError("FILE_NOT_FOUND", `${file}: ${what} (${wordsOf(error)})`, {
      file,
      status,
      reason: reasonOf(error),
    });
  }

  #cannotWrite(path: string, error: unknown): NnprepError {
    if (error instanceof NnprepError) return error;
    const file = this.location(path);
    return new NnprepError(
      "CANNOT_WRITE",
      `${file}: cannot be written (${wordsOf(error)}); check bucket, rights and credentials`,
      { file, status: statusOf(error), reason: reasonOf(error) },
    );
  }
}

async function* chain(first: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  yield* rest;
}

/** `AccessDenied, 403: Access Denied`, `ECONNREFUSED`; of heads, which have no words, the status alone. */
function wordsOf(error: unknown): string {
  const { name, code, message } = error as ServiceError;
  const status = statusOf(error);
  if (status !== null && message === "UnknownError") return String(status);
  return `${code ?? name ?? "error"}${status === null ? "" : `, ${status}`}: ${message ?? String(error)}`;
}
