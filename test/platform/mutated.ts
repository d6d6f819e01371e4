import type { Prng } from '../../src/base/prng.js';

/** Values that belong nowhere, or somewhere else. */
const strangers: readonly unknown[] = [
  null,
  '',
  'x',
  -1,
  0,
  0.5,
  2 ** 53,
  -(2 ** 31),
  true,
  [],
  [[]],
  {},
  new Uint8Array(0),
  new Uint8Array(257),
];

/** A copy of plain data with one thing other in it: what, depends on the numbers drawn. */
export function mutated(value: unknown, prng: Prng): unknown {
  const copy = structuredClone(value);
  const places: { readonly of: Record<string, unknown>; readonly name: string }[] = [];
  const walk = (at: unknown): void => {
    if (typeof at !== 'object' || at === null || at instanceof Uint8Array) return;
    for (const name of Object.keys(at)) {
      places.push({ of: at as Record<string, unknown>, name });
      walk((at as Record<string, unknown>)[name]);
    }
  };
  walk(copy);
  const { of, name } = places[prng.below(places.length)]!;
  const old = of[name];
  switch (prng.below(6)) {
    case 0:
      if (Array.isArray(of)) of.splice(Number(name), 1);
      else delete of[name];
      break;
    case 1:
      if (Array.isArray(old)) old.push(...structuredClone(old));
      else if (typeof old === 'number') of[name] = old + 1;
      else of[name] = strangers[prng.below(strangers.length)];
      break;
    case 2:
      if (!Array.isArray(of)) of['unheard'] = structuredClone(strangers[prng.below(strangers.length)]);
      break;
    case 3:
      if (old instanceof Uint8Array && old.length > 0) old[prng.below(old.length)]! ^= 1 << prng.below(8);
      else if (typeof old === 'string') of[name] = `${old}?`;
      else of[name] = strangers[prng.below(strangers.length)];
      break;
    default:
      of[name] = strangers[prng.below(strangers.length)];
  }
  return copy;
}
