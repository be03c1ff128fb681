import type { NnprepError } from "nnprep";
import type { Finding } from "nnprep/dataset";
import { element } from "./elements.js";
import { inPageOrder } from "./page-words.js";
import type { OpenedCase } from "./protocol.js";

/* What is wrong, in words, with what can be done about it here. */

/** What the page can do about a problem. */
export interface Remedies {
  /** Reads the scan again although this is doubtful. */
  allow(options: readonly string[]): void;
  /** Reads one of the series that were found. */
  chooseSeries(id: string): void;
  /** What was given as scan is the label. */
  useAsLabel(): void;
}

function facts(entries: Readonly<Record<string, string>>): HTMLElement {
  return element(
    "dl",
    {},
    ...Object.entries(entries).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

function button(text: string, action: () => void): HTMLElement {
  const made = element("button", { type: "button", class: "quiet" }, text);
  made.addEventListener("click", action);
  return made;
}

export function checkView(opened: OpenedCase, remedies: Remedies): HTMLElement[] {
  const { findings, hasLabel, warnings, scanIsLabel, name } = opened;
  const views = [
    findingsView(findings, hasLabel),
    ...warnings.map((text) => element("p", { class: "note" }, inPageOrder(text))),
  ];
  if (scanIsLabel) {
    const text = `${name} looks like a label, not like a scan: few whole numbers, and most voxels are 0.`;
    views.unshift(
      element("p", { class: "note" }, text),
      element("p", { class: "buttons" }, button("Use it as the label", remedies.useAsLabel)),
    );
  }
  return views;
}

function findingsView(findings: readonly Finding[], hasLabel: boolean): HTMLElement {
  if (findings.length === 0) {
    const checked = hasLabel
      ? "Scan and label lie on one grid, the label has whole numbers, and all voxels are finite."
      : "All voxels are finite numbers, and the scan is not empty.";
    return element("p", { class: "good" }, checked);
  }
  const items = findings.map(({ severity, file, found, expected, action }) =>
    element(
      "li",
      { class: severity },
      element("strong", {}, severity === "error" ? "Error in " : "Look at ", file),
      facts({ Found: found, Expected: expected, "What to do": action }),
    ),
  );
  return element("ul", { class: "findings" }, ...items);
}

const TITLES: Partial<Record<NnprepError["code"], string>> = {
  CORRUPT_FILE: "This file is damaged",
  UNSUPPORTED: "This file cannot be used here",
  FILE_NOT_FOUND: "A file is missing",
  SHAPE_MISMATCH: "The files do not fit together",
  GEOMETRY_MISMATCH: "The files do not fit together",
  INVALID_VALUES: "The voxels cannot be used",
  INVALID_PLANS: "The plans do not fit",
  INVALID_DATASET: "The dataset.json cannot be used",
  EMPTY_IMAGE: "The scan is empty",
  OUT_OF_MEMORY: "Not enough memory",
  WORKER_DIED: "The work was interrupted",
};

function shown(value: unknown): string | null {
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (!Array.isArray(value) || !value.every((item) => typeof item === "number" || typeof item === "string"))
    return null;
  const isShape = value.length === 3 && value.every((item) => Number.isInteger(item));
  return isShape ? [...value].reverse().join(" × ") : value.join(", ");
}

/** What each doubt about a scan means. */
const DOUBTS: Readonly<Record<string, string>> = {
  gap: "slices missing",
  tilt: "slices shifted",
  duplicates: "slices twice",
  mixed: "several kinds of slices",
  units: "several units",
  colour: "colours",
  sheared: "axes not at right angles",
};

function remedyButtons({ message, detail }: NnprepError, remedies: Remedies): HTMLElement[] {
  const buttons: HTMLElement[] = [];
  const { options, found } = detail;
  if (Array.isArray(options) && options.every((option) => typeof option === "string")) {
    const doubts = options.map((option) => DOUBTS[option] ?? option).join(", ");
    buttons.push(button(`Read it all the same: ${doubts}`, () => remedies.allow(options)));
  }
  if (/choose one .*series/s.test(message) && Array.isArray(found)) {
    for (const id of found) {
      const line = message.split("\n").find((text) => text.trim().startsWith(`${id}: `));
      buttons.push(
        button(`Read ${(line ?? String(id)).trim().replace(`${id}: `, "")}`, () => remedies.chooseSeries(id)),
      );
    }
  }
  return buttons;
}

/** An error for people: what is wrong, in which file, what was found and expected. The message says what to do. */
export function problemView(error: NnprepError | Error, remedies: Remedies): HTMLElement {
  const isOurs = "code" in error;
  const title = isOurs ? (TITLES[error.code] ?? "This did not work") : "This did not work";
  const parts: HTMLElement[] = [element("h2", {}, title), element("p", {}, inPageOrder(error.message))];
  if (isOurs) {
    const buttons = remedyButtons(error, remedies);
    if (buttons.length > 0) parts.push(element("p", { class: "buttons" }, ...buttons));
    const { file, found, expected } = error.detail;
    const known = Object.entries({
      File: shown(file),
      Found: shown(found),
      Expected: shown(expected),
      Code: error.code,
    });
    parts.push(facts(Object.fromEntries(known.filter((entry): entry is [string, string] => entry[1] !== null))));
  }
  return element("div", { class: "problem" }, ...parts);
}
