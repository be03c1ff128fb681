/** Joins parts of a path with `/`; empty parts are left out. */
export function joinPath(...parts: string[]): string {
  const [first, ...rest] = parts.filter((part) => part !== "");
  if (first === undefined) return "";
  return rest.reduce((path, part) => (path.endsWith("/") ? path + part : `${path}/${part}`), first);
}

/** Order of two texts by code points, as Python sorts. */
export function compareCodePoints(a: string, b: string): number {
  const x = [...a];
  const y = [...b];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const difference = x[i].codePointAt(0)! - y[i].codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}
