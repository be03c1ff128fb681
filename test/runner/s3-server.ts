import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer | string;
}

const problem = (status: number, code: string): Answer => ({
  status,
  body: `<Error><Code>${code}</Code><Message>${code} it is</Message></Error>`,
});

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** A server of S3's kind, of one bucket `b`, that answers in every way that matters to the store. */
export class S3Server {
  /** By key. */
  readonly objects = new Map<string, Buffer>();
  /** Parts of what is not finished, by key and number. */
  readonly uploads = new Map<string, Map<number, Buffer>>();
  /** The status of a request that is to fail, `PUT prefix/name`. */
  refuse: (request: string) => number | undefined = () => undefined;
  readonly #server = createServer(async (request, response) => {
    const { status = 200, headers = {}, body = "" } = await this.#answer(request);
    response.writeHead(status, { "content-type": "application/xml", ...headers });
    response.end(request.method === "HEAD" ? undefined : body);
  });

  /** Listens. @returns what the client is to find in its environment */
  async start(): Promise<Readonly<Record<string, string>>> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_MAX_ATTEMPTS: "1",
    };
  }

  clear(): void {
    this.objects.clear();
    this.uploads.clear();
    this.refuse = () => undefined;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #get(key: string, range: string | undefined): Answer {
    const bytes = this.objects.get(key);
    if (bytes === undefined) return problem(404, "NoSuchKey");
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    const headers = { etag: '"1"', "content-length": String(bytes.length) };
    if (from === undefined) return { headers };
    if (Number(from) >= bytes.length) return problem(416, "InvalidRange");
    const body = bytes.subarray(Number(from), Number(to) + 1);
    const contentRange = `bytes ${from}-${Number(from) + body.length - 1}/${bytes.length}`;
    return {
      status: 206,
      headers: { ...headers, "content-length": String(body.length), "content-range": contentRange },
      body,
    };
  }

  /** Two keys a page, so that there are several. */
  #list(prefix: string, after: string): Answer {
    const names = [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
    const groups = [...new Set(names.map((name) => name.replace(/\/.*/, "/")))].sort().filter((name) => name > after);
    const page = groups.slice(0, 2);
    const entries = page.map((name) =>
      name.endsWith("/")
        ? `<CommonPrefixes><Prefix>${prefix}${name}</Prefix></CommonPrefixes>`
        : `<Contents><Key>${prefix}${name}</Key></Contents>`,
    );
    const next = groups.length > 2 ? `<NextContinuationToken>${page[1]}</NextContinuationToken>` : "";
    return { body: `<ListBucketResult>${entries.join("")}${next}</ListBucketResult>` };
  }

  #change(method: string, key: string, query: URLSearchParams, body: Buffer): Answer {
    const id = query.get("uploadId");
    if (method === "POST" && query.has("uploads")) {
      this.uploads.set(key, new Map());
      const names = `<Bucket>b</Bucket><Key>${key}</Key><UploadId>${key}</UploadId>`;
      return { body: `<InitiateMultipartUploadResult>${names}</InitiateMultipartUploadResult>` };
    }
    if (method === "PUT" && id !== null) {
      this.uploads.get(id)?.set(Number(query.get("partNumber")), body);
      return { headers: { etag: '"1"' } };
    }
    if (method === "POST" && id !== null) {
      this.objects.set(
        key,
        Buffer.concat([...(this.uploads.get(id) ?? [])].sort(([a], [b]) => a - b).map(([, part]) => part)),
      );
      this.uploads.delete(id);
      return { body: "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>" };
    }
    if (method === "DELETE" && id !== null) this.uploads.delete(id);
    else if (method === "DELETE") this.objects.delete(key);
    else this.objects.set(key, body);
    return method === "DELETE" ? { status: 204 } : { headers: { etag: '"1"' } };
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://server");
    const key = decodeURIComponent(pathname).replace(/^\/b\/?/, "");
    const method = request.method ?? "";
    const body = await bodyOf(request);
    const status = this.refuse(`${method} ${key}`);
    if (status !== undefined) return problem(status, "AccessDenied");
    if (searchParams.has("list-type")) {
      return this.#list(searchParams.get("prefix") ?? "", searchParams.get("continuation-token") ?? "");
    }
    if (method === "GET" || method === "HEAD") return this.#get(key, request.headers.range);
    return this.#change(method, key, searchParams, body);
  }
}
