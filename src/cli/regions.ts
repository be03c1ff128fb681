import { InvalidArgumentError } from "commander";

/** Parser of a repeated option: `1 2 1+2` are labels 1, 2, and both as one. */
export function region(text: string, previous: readonly (number | number[])[] | undefined): (number | number[])[] {
  if (!/^\d+(\+\d+)*$/.test(text)) {
    throw new InvalidArgumentError("whole numbers are expected; labels that count as one are joined by +, as in 1+2.");
  }
  const labels = text.split("+").map(Number);
  return [...(previous ?? []), labels.length === 1 ? labels[0] : labels];
}
