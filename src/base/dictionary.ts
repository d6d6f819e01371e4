declare const values: unique symbol;

/**
 * Values under names that somebody else chose: a file, a guest, another program. It has no index signature, so that
 * the compiler lets nobody read it past `valueAt`: a plain `record[name]` finds `constructor` in every object there is.
 * Plain data all the same, which survives immer, JSON and MessagePack. `__proto__` is no name.
 */
export interface Dictionary<V> {
  readonly [values]?: V;
}

export const emptyDictionary = <V>(): Dictionary<V> => ({});

/** What stands under `name`; undefined for nothing, whatever objects inherit. */
export function valueAt<V>(dictionary: Dictionary<V>, name: string): V | undefined {
  return Object.hasOwn(dictionary, name) ? (dictionary as Record<string, V>)[name] : undefined;
}

/** Puts `value` under `name`; nothing happens for `__proto__`, which objects do not keep and documents lose. */
export function keep<V>(dictionary: Dictionary<V>, name: string, value: V): void {
  if (name !== '__proto__') (dictionary as Record<string, V>)[name] = value;
}

export function forget<V>(dictionary: Dictionary<V>, name: string): void {
  if (Object.hasOwn(dictionary, name)) delete (dictionary as Record<string, V>)[name];
}

/** Names and values in the order in which the names came. */
export const entriesOf = <V>(dictionary: Dictionary<V>): [string, V][] =>
  Object.entries(dictionary as Record<string, V>);
