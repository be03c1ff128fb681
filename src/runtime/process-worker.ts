/**
 * Imported before `workerpool`, which takes a process in which there is a `postMessage` for a page's worker and then never
 * listens to its parent. Bun has the function in every process.
 */
const scope = globalThis as { postMessage?: unknown };
if ("bun" in process.versions && typeof process.send === "function") scope.postMessage = undefined;
