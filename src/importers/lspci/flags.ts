/** Bit numbers by the names lspci prints before a `+` or `-`. */
export type Flags = Readonly<Record<string, number>>;

/** `Mem+ BusMaster-` as names and whether they are set; the last one of a name counts. */
export function flagsIn(text: string): ReadonlyMap<string, boolean> {
  const found = new Map<string, boolean>();
  for (const [, name, sign] of text.matchAll(/(?<![\w/<>])([<>]?[A-Za-z0-9][\w/-]*?)([+-])(?![\w+-])/g))
    found.set(name!, sign === '+');
  return found;
}

/** The bits that are told, and which those are. */
export function bitsOf(
  found: ReadonlyMap<string, boolean>,
  flags: Flags,
): { readonly value: number; readonly bits: number } {
  let value = 0;
  let bits = 0;
  for (const [name, isSet] of found) {
    const bit = Object.hasOwn(flags, name) ? flags[name]! : null;
    if (bit === null) continue;
    bits += (bits & (2 ** bit)) === 0 ? 2 ** bit : 0;
    if (isSet) value += 2 ** bit;
  }
  return { value, bits };
}
