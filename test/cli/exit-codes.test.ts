import { expect, test } from "vitest";
import { mayPass } from "../../src/cli/exit-codes.js";
import { type ErrorCode, NnprepError } from "../../src/core/errors.js";

const error = (code: ErrorCode, detail = {}) => new NnprepError(code, "", detail);

test.each([
  ["a worker that was killed", error("WORKER_DIED", { signal: "SIGKILL" }), true],
  ["memory that others hold", error("OUT_OF_MEMORY", { memoryBytes: 2 ** 20, availableBytes: 2 ** 19 }), true],
  ["more memory than the machine has", error("OUT_OF_MEMORY", { memoryBytes: 2 ** 60, availableBytes: 1 }), false],
  ["memory that an engine refuses", error("OUT_OF_MEMORY"), true],
  ["a full disk", error("CANNOT_WRITE", { reason: "ENOSPC" }), true],
  ["a folder of somebody else", error("CANNOT_WRITE", { reason: "EACCES" }), false],
  ["a stale handle", error("FILE_NOT_FOUND", { reason: "ESTALE" }), true],
  ["a file that is not there", error("FILE_NOT_FOUND", { reason: "ENOENT" }), false],
  ["a server in trouble", error("FILE_NOT_FOUND", { status: 503 }), true],
  ["a file that a server does not have", error("FILE_NOT_FOUND", { status: 404 }), false],
  ["a damaged file", error("CORRUPT_FILE"), false],
  ["an error of the system", Object.assign(new Error(), { code: "EIO" }), true],
  ["a fault of the program", new TypeError("x is undefined"), false],
])("%s", (_, given, expected) => {
  expect(mayPass(given)).toBe(expected);
});
