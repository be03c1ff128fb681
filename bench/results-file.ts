import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem, type } from "node:os";
import type { Reference } from "./reference.js";

/** The parts of RESULTS.md; each command writes its own and leaves the others. */
const SECTIONS = ["kernels", "linear-cost", "threads", "compression", "memory"] as const;
export type Section = (typeof SECTIONS)[number];

const TITLE = `# Benchmark results

Made by \`npm run bench\` and \`npm run bench:memory\`; do not edit. How it is measured stands in [README.md](README.md).
`;

function begin(section: Section): string {
  return `<!-- begin ${section} -->`;
}

function end(section: Section): string {
  return `<!-- end ${section} -->`;
}

/** Replaces parts of the file, which is made if it does not exist. */
export function writeSections(file: string, parts: Readonly<Partial<Record<Section, string>>>): void {
  let text = existsSync(file)
    ? readFileSync(file, "utf8")
    : `${TITLE}\n${SECTIONS.map((s) => `${begin(s)}\n${end(s)}\n`).join("\n")}`;
  for (const section of SECTIONS) {
    const part = parts[section];
    if (part === undefined) continue;
    const from = text.indexOf(begin(section)) + begin(section).length;
    text = `${text.slice(0, from)}\n\n${part.trim()}\n\n${text.slice(text.indexOf(end(section)))}`;
  }
  writeFileSync(file, text);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Three significant digits. */
export function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export function megabytes(bytes: number | null): string {
  return bytes === null ? "-" : `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/** One line: where, with what, when. */
export function describeMachine(reference: Reference | null): string {
  const [cpu] = cpus();
  const parts = [
    `${cpu?.model.trim() ?? "unknown processor"}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${type()} ${process.arch}`,
    `Node ${process.versions.node} (V8 ${process.versions.v8})`,
  ];
  if (reference !== null && "versions" in reference) {
    parts.push(
      Object.entries(reference.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(", "),
    );
  }
  if (reference !== null && "missing" in reference) parts.push(`without the reference: ${reference.missing}`);
  return `${parts.join("; ")}; ${new Date().toISOString().slice(0, 10)}.`;
}
