import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { HttpStoreOptions } from "../../src/runner/http-store.js";
import { launchChromium } from "./chromium.js";
import { type ServedFolder, serveFolder } from "./served-folder.js";

/** The store in a page, on a server of another origin, which has to allow it (CORS). */

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);

const ALLOWED = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Headers": "Range, Authorization",
  "Access-Control-Expose-Headers": "Content-Range, ETag",
};

let asked: string[];
let allowed: Readonly<Record<string, string>>;
let data: Server;
let base: string;
let site: ServedFolder;
let browser: Browser;
let page: Page;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request;
  asked.push([method, url, headers.range, headers.authorization].filter(Boolean).join(" "));
  if (method === "OPTIONS") {
    response.writeHead(204, allowed).end();
    return;
  }
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
  if (url !== "/data/a.bin") response.writeHead(404, allowed).end();
  else if (from === undefined) {
    response.writeHead(200, { ...allowed, "Content-Length": BYTES.length });
    response.end(method === "HEAD" ? undefined : BYTES);
  } else {
    const part = BYTES.subarray(Number(from), Number(to) + 1);
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${BYTES.length}`;
    response.writeHead(206, { ...allowed, "Content-Range": range, "Content-Length": part.length, ETag: '"1"' });
    response.end(part);
  }
}

/** Run in the page with the built module, from the page's own server; text, for a test's own imports are rewritten. */
const SCRIPT = `async (url, options) => {
  const { HttpStore } = await import("/runner/http-store.js");
  const store = new HttpStore(url, options);
  try {
    const found = {
      length: await store.byteLength("a.bin"),
      head: [...(await store.readHead("a.bin", 4))],
      whole: [...(await store.read("a.bin"))],
      missing: await store.exists("b.bin"),
    };
    return { found, error: null };
  } catch (error) {
    return { found: null, error: error.message };
  }
}`;

/** What the store gives in the page. */
function inPage(options: HttpStoreOptions = {}): Promise<{ found: typeof FOUND | null; error: string | null }> {
  const given = JSON.stringify([base, { pieceBytes: 300, firstWaitSeconds: 0.001, ...options }]);
  return page.evaluate(`(${SCRIPT})(...${given})`);
}

const FOUND = { length: 1000, head: [...BYTES.subarray(0, 4)], whole: [...BYTES], missing: false };

beforeAll(async () => {
  data = createServer(answer);
  await new Promise<void>((resolve) => data.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(data.address() as AddressInfo).port}/data`;
  site = await serveFolder(DIST, false);
  browser = await launchChromium();
  page = await browser.newPage();
  await page.goto(`${site.url}core/errors.js`);
});
beforeEach(() => {
  asked = [];
  allowed = ALLOWED;
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
  data?.closeAllConnections();
  data?.close();
});

test("files are read in ranges from a server that allows the page", async () => {
  expect(await inPage({ attempts: 1 })).toEqual({ found: FOUND, error: null });
  const ranges = asked.filter((request) => request.startsWith("GET"));
  // Chromium asks whether what its cache has of a range is still so.
  expect([...new Set(ranges.map((request) => request.split(" ")[2]))]).toEqual([
    "bytes=0-3",
    "bytes=0-299",
    "bytes=300-599",
    "bytes=600-899",
    "bytes=900-999",
  ]);
});

test("a server that exposes no headers costs requests, and no byte", async () => {
  allowed = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Range" };
  expect(await inPage()).toEqual({ found: FOUND, error: null });
});

test("headers of one's own are asked for beforehand", async () => {
  expect(await inPage({ headers: { Authorization: "Bearer x" } })).toEqual({ found: FOUND, error: null });
  expect(asked.some((request) => request.startsWith("OPTIONS"))).toBe(true);
  expect(asked).toContain("GET /data/a.bin bytes=0-3 Bearer x");
});

test("a server that does not allow the page is an error that says so", async () => {
  allowed = {};
  const { found, error } = await inPage({ attempts: 1 });
  expect(found).toBeNull();
  expect(error).toContain(`${base}/a.bin: cannot be reached`);
  expect(error).toContain("in a page that the server allows its origin");
});
