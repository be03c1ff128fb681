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
