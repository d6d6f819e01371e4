/** What is wrong with a value of plain data, and where; null when nothing is. `path` is how to get there from the root. */
export type Shape = (value: unknown, path: string) => Misfit | null;

export interface Misfit {
  readonly path: string;
  readonly expected: string;
}

const fits =
  (expected: string, holds: (value: unknown) => boolean): Shape =>
  (value, path) =>
    holds(value) ? null : { path, expected };

export const text = fits('a text', (value) => typeof value === 'string');
export const flag = fits('true or false', (value) => typeof value === 'boolean');
export const bytes = fits('bytes', (value) => value instanceof Uint8Array);

/** A whole number from 0 on; anything exact unless `most` is given. */
export const number = (most: number = Number.MAX_SAFE_INTEGER): Shape =>
  fits(
    most === Number.MAX_SAFE_INTEGER ? 'a whole number' : `a number from 0 to ${most}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most,
  );

export const oneOf = (...choices: readonly string[]): Shape =>
  fits(choices.join(', '), (value) => typeof value === 'string' && choices.includes(value));

export const orNull =
  (shape: Shape): Shape =>
  (value, path) =>
    value === null ? null : shape(value, path);

export const optional =
  (shape: Shape): Shape =>
  (value, path) =>
    value === undefined ? null : shape(value, path);

export const list =
  (shape: Shape): Shape =>
  (value, path) => {
    if (!Array.isArray(value)) return { path, expected: 'a list' };
    for (const [i, one] of value.entries()) {
      const misfit = shape(one, `${path}[${i}]`);
      if (misfit !== null) return misfit;
    }
    return null;
  };

/** A map with an entry for each of the type's; entries that nobody knows are left alone. */
export const map =
  <T>(entries: { readonly [Name in keyof T]-?: Shape }): Shape =>
  (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
      return { path, expected: 'a map' };
    for (const [name, shape] of Object.entries<Shape>(entries)) {
      const entry = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
      const misfit = shape(entry, `${path}.${name}`);
      if (misfit !== null) return misfit;
    }
    return null;
  };
