import type { Finding, FindingKind } from "nnprep/dataset";

/* The library's words as the page says them: it names axes slowest first, and what its command line can do. */

/** Shapes, and what follows these words, in the order of the screen: x × y × z. */
const TRIPLE = /\((-?[\d.e+-]+), (-?[\d.e+-]+), (-?[\d.e+-]+)\)/g;

function reversed(text: string): string {
  return text.replace(TRIPLE, "$3 × $2 × $1");
}

/** Triples of whole numbers from 0 on are voxels per axis, those behind "spacing" millimetres; others are patient coordinates. */
export function inPageOrder(text: string): string {
  return text.replace(/spacing \([^()]*\)/g, reversed).replace(/\((\d+), (\d+), (\d+)\)/g, "$3 × $2 × $1");
}

/** What can be done here, where the library speaks of datasets and commands. */
const ACTIONS: Partial<Record<FindingKind, string>> = {
  "empty-image": "choose another scan: cropping would leave nothing",
  "unexpected-label": "correct the voxels, or choose another label",
  "not-3d": "split the file into one 3-D file per channel, and drop them together",
};

export function forPage(finding: Finding): Finding {
  const { kind, found, expected, action } = finding;
  const isSize = kind === "geometry-mismatch" && /^(size|spacing) /.test(found);
  return {
    ...finding,
    found: isSize ? reversed(found) : found,
    expected: (isSize ? reversed(expected) : expected).replace(
      /^the labels of dataset\.json: .*/,
      "whole numbers from 0 on",
    ),
    action: ACTIONS[kind] ?? action,
  };
}
