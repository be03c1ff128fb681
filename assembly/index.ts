export * from "./fill-holes";
export * from "./nonzero";

/** First address that the module itself does not use: the scratch window starts here. */
export function windowBase(): usize {
  return __heap_base;
}
