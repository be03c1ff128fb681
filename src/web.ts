/** The package in a browser. */
export * from "./index.js";
