import { Trouble } from '../base/errors.js';

/** Splits `name=value` texts. @throws {Trouble} CLI-001 */
export function choices(given: unknown): Record<string, string> {
  const result: Record<string, string> = {};
  for (const text of (given ?? []) as readonly string[]) {
    for (const one of text.split(/[\s,]+/).filter((part) => part !== '')) {
      const at = one.indexOf('=');
      if (at <= 0)
        throw new Trouble('CLI-001', `not a choice: ${one}`, { expected: 'name=value', actual: one });
      result[one.slice(0, at)] = one.slice(at + 1);
    }
  }
  return result;
}

/** A whole number of an option. @throws {Trouble} CLI-002 */
export function wholeNumber(given: unknown, name: string, otherwise: number): number {
  if (given === undefined) return otherwise;
  const text = String(given);
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new Trouble('CLI-002', `${name} is no whole number`, { actual: text, expected: 'decimal digits' });
  }
  return value;
}

/** A file argument that must be there. @throws {Trouble} CLI-003 */
export function required(given: unknown, what: string, hint = 'xpr <verb> --help shows an example'): string {
  if (typeof given === 'string' && given !== '') return given;
  throw new Trouble('CLI-003', `${what} is missing`, { hint });
}
