import { existsSync, realpathSync } from "node:fs";

/** Whether two locations are one folder, be it by a link. */
export function isSameFolder(a: string, b: string): boolean {
  const real = (folder: string) => (existsSync(folder) ? realpathSync(folder) : folder);
  return real(a) === real(b);
}
