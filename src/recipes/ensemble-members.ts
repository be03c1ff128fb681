import { NnprepError } from "../core/errors.js";
import type { Store } from "../runner/store.js";

/** The folders of the members, named "member 0", "member 1" ..., and the one for the results, named "output". */
export type EnsembleStores = Readonly<Record<string, Store>> & { readonly output: Store };

/** Name of the store of one member. */
export function memberName(member: number): string {
  return `member ${member}`;
}

/** The stores of the members, in their order. @throws NnprepError INVALID_ARGUMENT with fewer than two */
export function membersOf(stores: EnsembleStores): Store[] {
  const count = Object.keys(stores).length - 1;
  if (count < 2) {
    throw new NnprepError("INVALID_ARGUMENT", `an ensemble needs at least two folders, ${count} given`, {
      found: count,
    });
  }
  return Array.from({ length: count }, (_, member) => stores[memberName(member)]);
}

/** What a case's file says of it, and the file's name. */
export interface NamedProperties<P> {
  readonly name: string;
  readonly properties: P;
}

/**
 * Throws GEOMETRY_MISMATCH unless all members have the same values under `keys`.
 * @param demand the end of the sentence that says what members must have in common
 * @param mayDiffer values that differ and still fit
 */
export function checkSameProperties<P extends object>(
  members: readonly NamedProperties<P>[],
  keys: readonly (keyof P & string)[],
  demand: string,
  mayDiffer: (key: keyof P, first: P, other: P) => boolean = () => false,
): void {
  const [first, ...others] = members;
  if (first === undefined) return;
  for (const key of keys) {
    const expected = JSON.stringify(first.properties[key] ?? null);
    for (const other of others) {
      const found = JSON.stringify(other.properties[key] ?? null);
      if (found === expected || mayDiffer(key, first.properties, other.properties)) continue;
      throw new NnprepError(
        "GEOMETRY_MISMATCH",
        `${other.name}: "${key}" is ${found}, but ${first.name} has ${expected}; members of an ensemble must ${demand}`,
        { file: other.name, reference: first.name, key, found, expected },
      );
    }
  }
}
