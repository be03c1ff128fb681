export * from "./accumulate-windows";
export * from "./argmax";
export * from "./blosc2";
export * from "./clean";
export { cubicColumns, cubicRows } from "./cubic";
export * from "./cubic-exact";
export * from "./cubic-fast";
export * from "./cubic-rounded";
export * from "./distance";
export * from "./envelope";
export * from "./extent";
export * from "./fill-holes";
export { addFloats, divideFloats, narrowToHalves, widenHalves } from "./half";
export * from "./halve-labels";
export * from "./label";
export * from "./label-pairs";
export * from "./label-survey";
export * from "./levels";
export * from "./linear";
export * from "./linear-labels";
export * from "./mesh-shape";
export * from "./moments";
export * from "./nearest";
export * from "./nonzero";
export * from "./normalize";
export * from "./pairwise";
export * from "./rasterize";
export * from "./select";
export * from "./surface-mesh";

/** First address that the module itself does not use: the scratch window starts here. */
export function windowBase(): usize {
  return __heap_base;
}
