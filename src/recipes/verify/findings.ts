/** What a finding is about; findings of one kind are reported together. */
export type FindingKind =
  | "missing-file"
  | "missing-folder"
  | "invalid-dataset-json"
  | "no-cases"
  | "case-count"
  | "duplicate-case"
  | "label-name"
  | "stray-file"
  | "case-name"
  | "channel-name"
  | "channel-count"
  | "label-numbering"
  | "unreadable-file"
  | "not-3d"
  | "doubtful-header"
  | "geometry-mismatch"
  | "nan-voxels"
  | "infinite-voxels"
  | "empty-image"
  | "empty-label"
  | "unexpected-label"
  | "non-integer-label"
  | "axis-codes"
  | "check-failed";

/** One thing that is wrong ("error") or deserves a look ("warning"). Plain values: it survives any worker boundary. */
export interface Finding {
  readonly severity: "error" | "warning";
  readonly kind: FindingKind;
  /** Path inside the task's folder. */
  readonly file: string;
  readonly found: string;
  readonly expected: string;
  /** How far found and expected may differ, where that is a number. */
  readonly tolerance?: string;
  /** What to do about it. */
  readonly action: string;
}

/** Everything that was found in a task. */
export interface Verification {
  readonly trainingCases: number;
  readonly testCases: number;
  readonly findings: readonly Finding[];
}

/** Findings by kind, in the order in which the kinds first appear, errors before warnings. */
export function groupFindings(findings: readonly Finding[]): Map<FindingKind, Finding[]> {
  const groups = new Map<FindingKind, Finding[]>();
  for (const severity of ["error", "warning"] as const) {
    for (const finding of findings) {
      if (finding.severity !== severity) continue;
      const group = groups.get(finding.kind);
      if (group === undefined) groups.set(finding.kind, [finding]);
      else group.push(finding);
    }
  }
  return groups;
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function describeFinding({ file, found, expected, tolerance }: Finding): string {
  const limit = tolerance === undefined ? "" : `, tolerance ${tolerance}`;
  return `${file}: found ${found}; expected ${expected}${limit}`;
}

/** All findings for people: grouped by kind, what to do after each group. */
export function describeFindings({ trainingCases, testCases, findings }: Verification): string {
  const errors = findings.filter((f) => f.severity === "error").length;
  const cases = `${plural(trainingCases, "training case")} and ${plural(testCases, "test case")} checked`;
  if (findings.length === 0) return `${cases}: nothing wrong`;
  const lines = [`${cases}: ${plural(errors, "error")}, ${plural(findings.length - errors, "warning")}`];
  for (const [kind, group] of groupFindings(findings)) {
    lines.push(`${group[0].severity}: ${kind} (${group.length})`);
    lines.push(...group.map((finding) => `  ${describeFinding(finding)}`));
    lines.push(...new Set(group.map(({ action }) => `  -> ${action}`)));
  }
  return lines.join("\n");
}
