/**
 * The package in Node: everything of `index`, and scans by their paths.
 *
 * @module nnprep
 */
export * from "./index.js";
export { readScanPath, scanFileFromPath, scanFilesInFolder } from "./io/scan-path.js";
