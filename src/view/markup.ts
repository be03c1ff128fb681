/** Text that is HTML already. */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

type Part = string | number | Markup | null | undefined | readonly Part[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function partText(part: Part): string {
  if (part === null || part === undefined) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(partText).join("");
  return String(part).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** HTML or SVG with values put in; what is not Markup is escaped. */
export function html(fixed: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(fixed.map((text, i) => text + (i < parts.length ? partText(parts[i]) : "")).join(""));
}

/** A table with a caption; the first cell of each row is its heading. */
export function htmlTable(caption: string, head: readonly string[], rows: readonly (readonly Part[])[]): Markup {
  return html`<div class="scroll"><table><caption>${caption}</caption>
<thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([first, ...rest]) => html`<tr><th scope="row">${first}</th>${rest.map((cell) => html`<td>${cell}</td>`)}</tr>\n`,
  )}</tbody></table></div>`;
}

/** A number for people: about four digits. */
export function formatRounded(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return String(Number(value.toPrecision(4)));
}
