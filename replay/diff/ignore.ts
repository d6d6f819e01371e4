import { Trouble } from '../../src/base/errors.js';
import { didYouMean } from '../../src/base/near.js';
import { isKindName, kindNames, kindOf } from '../../src/events/catalogue.js';

/**
 * Payload fields that shall not count: `value` of every kind, or `config.completed.value` of one; `data.value` is
 * `value`, as in filters.
 * @throws {Trouble} DIFF-002 no kind has such a field
 */
export function parseIgnored(texts: readonly string[]): ReadonlySet<string> {
  return new Set(texts.map(parseOne));
}

function parseOne(text: string): string {
  const field = text.replace(/^data\./, '');
  if (kindNames.some((kind) => Object.hasOwn(kindOf(kind).fields, field))) return field;
  const dot = field.lastIndexOf('.');
  const [kind, name] = [field.slice(0, dot), field.slice(dot + 1)];
  if (dot > 0 && isKindName(kind) && Object.hasOwn(kindOf(kind).fields, name)) return field;
  const known = kindNames.flatMap((one) => Object.keys(kindOf(one).fields));
  const near =
    dot > 0 && isKindName(kind)
      ? didYouMean(name, Object.keys(kindOf(kind).fields))
      : didYouMean(field, [...new Set(known)]);
  throw new Trouble('DIFF-002', `no event has a payload field ${text}`, {
    actual: text,
    expected: 'a field as value, or one of a kind as config.completed.value',
    hint: [near, 'xpr events --json lists them'].filter((part) => part !== null).join('; '),
  });
}
