/** The same text with control characters, which a terminal would obey, as `\x1b`; lines and tabs stay. */
export function printable(text: string): string {
  const spelled = (character: string) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, spelled);
}

/** `name: text` for each, and one line for a text that more than two names share. */
export function joinShared(said: readonly (readonly [name: string, text: string])[]): string[] {
  const namesOf = new Map<string, Set<string>>();
  for (const [name, text] of said) namesOf.set(text, (namesOf.get(text) ?? new Set()).add(name));
  return [...namesOf].flatMap(([text, names]) => {
    const all = [...names];
    return all.length > 2
      ? [`${all.length} (${all[0]} to ${all[all.length - 1]}): ${text}`]
      : all.map((name) => `${name}: ${text}`);
  });
}

/** What is said of cases, as lines. */
export function formatWarnings(said: readonly (readonly [name: string, text: string])[]): string {
  return joinShared(said)
    .map((text) => `warning: ${text}`)
    .join("\n");
}

/** A table of text: columns padded to their widest cell; numbers to the right, words to the left. */
export function formatTable(header: readonly string[], given: readonly (readonly string[])[]): string {
  // Names of files may hold anything; a row stays one line.
  const rows = given.map((row) => row.map((cell) => printable(cell).replace(/[\n\t]/g, " ")));
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const numeric = header.map((_, column) => rows.every((row) => /^[-\d]/.test(row[column] ?? "")) && rows.length > 0);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (numeric[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join("  ")
      .trimEnd();
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

export function formatMebibytes(bytes: number | null): string {
  return bytes === null ? "?" : `${Math.round(bytes / 2 ** 20)} MiB`;
}
