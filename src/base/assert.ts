/** Ends an exhaustive switch: a new member of the union stops the compiler here. */
export function assertNever(value: never, what = 'value'): never {
  throw new InvariantError(`unexpected ${what}: ${JSON.stringify(value)}`);
}

/** One of our own invariants is broken: a bug in xpr, never a property of the input. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Checks one of our own invariants. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
