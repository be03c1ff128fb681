/** Joins parts of a path with `/`; empty parts are left out. */
export function joinPath(...parts: string[]): string {
  const [first, ...rest] = parts.filter((part) => part !== "");
  if (first === undefined) return "";
  return rest.reduce((path, part) => (path.endsWith("/") ? path + part : `${path}/${part}`), first);
}

/** Order of Python's `sorted` on strings: by code point, where JavaScript's is by UTF-16 unit. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  if (at === length) return a.length - b.length;
  const difference = (i: number) => (a.codePointAt(i) as number) - (b.codePointAt(i) as number);
  // The unit before is the same in both; where it begins a pair, the pair is what differs.
  const beginsPair = at > 0 && (a.charCodeAt(at - 1) & 0xfc00) === 0xd800;
  return (beginsPair && difference(at - 1)) || difference(at);
}
