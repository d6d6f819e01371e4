import type { Prng } from '../../../src/base/prng.js';
import { type Mutant, mangled } from './bytes.js';
import { edgeNumbers } from './numbers.js';

/** A place inside a document: how to read it and how to put something else there. */
interface Place {
  readonly path: string;
  readonly value: unknown;
  set(value: unknown): void;
  /** Takes the entry out of its list or map. */
  remove(): void;
  /** The entry of the same list or map it may be exchanged with. */
  readonly siblings: readonly Place[];
}

/** A document of plain data with one to four of its values changed, whatever they mean. The given one stays as it is. */
export function misstated(prng: Prng, document: unknown): Mutant<unknown> {
  const root = { it: structuredClone(document) };
  const about: string[] = [];
  for (let left = 1 + (prng.below(3) === 0 ? prng.below(4) : 0); left > 0; left--) {
    about.push(change(prng, draw(prng, root)));
  }
  return { value: root.it, about: about.join(', ') };
}

/** Any place, deep ones as likely as shallow ones: goes down with a chance of its own at every level. */
function draw(prng: Prng, root: object): Place {
  let place = places('', root)[0]!;
  for (;;) {
    const below = places(place.path, place.value);
    if (below.length === 0 || prng.below(6) === 0) return place;
    place = prng.pick(below);
  }
}

function places(path: string, value: unknown): Place[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  const siblings: Place[] = [];
  if (Array.isArray(value)) {
    const list: unknown[] = value;
    for (const [i, one] of list.entries()) {
      siblings.push({
        path: `${path}[${i}]`,
        value: one,
        set: (other) => {
          list[i] = other;
        },
        remove: () => list.splice(i, 1),
        siblings,
      });
    }
    return siblings;
  }
  const map = value as Record<string, unknown>;
  for (const [name, one] of Object.entries(map)) {
    siblings.push({
      path: `${path}.${name}`,
      value: one,
      set: (other) => {
        map[name] = other;
      },
      remove: () => {
        delete map[name];
      },
      siblings,
    });
  }
  return siblings;
}

function change(prng: Prng, place: Place): string {
  const { value, path } = place;
  switch (prng.below(9)) {
    case 0:
      if (path === '.it') break;
      place.remove();
      return `${path} left out`;
    case 1: {
      const other = prng.pick(place.siblings);
      place.set(other.value);
      other.set(value);
      return `${path} and ${other.path} exchanged`;
    }
    case 2:
      place.set(prng.pick(strangers)(prng));
      return `${path} of another type`;
    case 3:
      if (Array.isArray(value)) {
        place.set([...value, ...value.slice(0, 1 + prng.below(4))]);
        return `${path} longer`;
      }
      break;
    case 4:
      if (
        typeof value === 'object' &&
        value !== null &&
        !Array.isArray(value) &&
        !(value instanceof Uint8Array)
      ) {
        place.set({ ...value, [prng.pick(names)]: prng.pick(edgeNumbers) });
        return `${path} with another entry`;
      }
      break;
    default:
  }
  place.set(near(prng, value));
  return `${path} changed`;
}

/** Another value of the same type, where it has one. */
function near(prng: Prng, value: unknown): unknown {
  if (typeof value === 'number')
    return prng.below(3) === 0 ? value + prng.pick([-1, 1]) : prng.pick(edgeNumbers);
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') return prng.below(2) === 0 ? prng.pick(names) : value.slice(prng.below(2));
  if (value instanceof Uint8Array && value.length > 0) return new Uint8Array(mangled(prng, value).value);
  if (Array.isArray(value)) return value.slice(0, prng.below(value.length + 1));
  return prng.pick(strangers)(prng);
}

const names = ['', 'constructor', '__proto__x', 'toString', 'name', '\u001b[31m', '0', 'x'.repeat(5_000)];

/** Values of every type a document can have, and shapes that cost more than they bring. */
const strangers: readonly ((prng: Prng) => unknown)[] = [
  () => null,
  () => true,
  (prng) => prng.pick(edgeNumbers),
  () => 0.5,
  () => Number.NaN,
  (prng) => prng.pick(names),
  () => [],
  () => ({}),
  (prng) => Uint8Array.from({ length: prng.below(40) }, () => prng.below(256)),
  (prng) => Array.from({ length: 1 << prng.below(14) }, () => null),
  (prng) => nest(1 << prng.below(7)),
  (prng) => Object.fromEntries(Array.from({ length: 1 << prng.below(12) }, (_, i) => [`k${i}`, i])),
];

function nest(depth: number): unknown {
  let value: unknown = 1;
  for (let left = depth; left > 0; left--) value = left % 2 === 0 ? [value] : { a: value };
  return value;
}
