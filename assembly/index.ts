export * from "./accumulate-windows";
export * from "./argmax/argmax";
export * from "./blosc2/blosc2";
export * from "./class-probabilities";
export * from "./clean";
export * from "./components/fill-holes";
export * from "./components/label";
export * from "./copy-rows";
export * from "./cubic/envelope";
export * from "./cubic/exact-coefficients";
export * from "./cubic/extent";
export * from "./cubic/fast";
export * from "./cubic/influence-levels";
export { cubicColumns, cubicRows } from "./cubic/plane-pass";
export * from "./cubic/rounded-pass";
export * from "./distance";
export * from "./draws";
export { addFloats, divideFloats, narrowToHalves, widenHalves } from "./half";
export * from "./label-pairs";
export * from "./label-runs";
export * from "./linear";
export * from "./linear-labels";
export * from "./mesh/halve-labels";
export * from "./mesh/label-survey";
export * from "./mesh/mesh-shape";
export * from "./mesh/rasterize";
export * from "./mesh/surface-mesh";
export * from "./moments";
export * from "./nearest";
export * from "./nonzero";
export * from "./normalize";
export * from "./pairwise";
export * from "./select";

/** First address that the module itself does not use: the scratch window starts here. */
export function windowBase(): usize {
  return __heap_base;
}
