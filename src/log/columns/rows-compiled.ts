import { invariant } from '../../base/assert.js';
import type { Field } from '../../events/field.js';
import type { RowBuilder } from './rows.js';

/**
 * One object literal per kind, compiled once: objects built key by key from data cost five times as much. The source
 * holds names of our own catalogue only, checked to be identifiers; nothing of a file gets here. A page may not compile:
 * it has `rows-looped.ts` in place of this.
 */
export function rowBuilder(kind: string, declared: Readonly<Record<string, Field>>): RowBuilder {
  const fields = Object.entries(declared);
  const locals = fields.map((_, k) => `const n${k} = columns[${k}].numbers, v${k} = columns[${k}].values;`);
  const entries = fields.map(([name, field], k) => {
    invariant(/^[a-z][A-Za-z0-9]*$/.test(name), `${kind}.${name} is no field name`);
    return `${name}: ${expression(field, k)}`;
  });
  return new Function(
    'columns',
    'count',
    `${locals.join('\n')}
    const rows = new Array(count);
    for (let i = 0; i < count; i++) rows[i] = { ${entries.join(', ')} };
    return rows;`,
  ) as RowBuilder;
}

function expression(field: Field, k: number): string {
  switch (field.type.is) {
    case 'text':
    case 'choice':
      return `v${k}[n${k}[i]]`;
    case 'record':
      return `v${k}[i]`;
    case 'flag':
      return field.nullable ? `(n${k}[i] === n${k}[i] ? n${k}[i] === 1 : null)` : `n${k}[i] === 1`;
    default:
      // NaN, the only number that differs from itself, stands for null.
      return field.nullable ? `(n${k}[i] === n${k}[i] ? n${k}[i] : null)` : `n${k}[i]`;
  }
}
