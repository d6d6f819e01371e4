/**
 * The shape of a JSON value: `number`, `string`, `boolean`, `hex`, `sbdf`, `function`, `digest`, `object` or `any`, a
 * literal as `=info/1`; `?` behind a name allows null. A list of one shape is an array of it, an object has at least
 * those fields.
 */
export type Shape = string | readonly [Shape] | { readonly [name: string]: Shape };

const texts: Readonly<Record<string, RegExp>> = {
  string: /^/,
  hex: /^-?0x[0-9a-f]+$/,
  sbdf: /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/,
  function: /^0x[0-9a-f]+\/[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/,
  digest: /^[0-9a-f]{64}$/,
};

/** What is wrong with a value, one line a fault. */
export function misfits(value: unknown, shape: Shape, path = '$'): string[] {
  if (typeof shape === 'string')
    return fits(value, shape) ? [] : [`${path}: ${JSON.stringify(value)} is no ${shape}`];
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return [`${path} is no array`];
    return value.flatMap((one, i) => misfits(one, (shape as readonly [Shape])[0], `${path}[${i}]`));
  }
  if (typeof value !== 'object' || value === null) return [`${path} is no object`];
  return Object.entries(shape as Readonly<Record<string, Shape>>).flatMap(([name, inner]) =>
    misfits((value as Record<string, unknown>)[name], inner, `${path}.${name}`),
  );
}

function fits(value: unknown, shape: string): boolean {
  if (shape.endsWith('?')) return value === null || fits(value, shape.slice(0, -1));
  if (shape.startsWith('=')) return value === shape.slice(1);
  if (shape === 'any') return value !== undefined;
  if (shape === 'number') return Number.isFinite(value);
  if (shape === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  const pattern = texts[shape];
  return pattern === undefined ? typeof value === shape : typeof value === 'string' && pattern.test(value);
}
