import { invariant } from '../../base/assert.js';
import { catalogue, type KindName, kindNames } from '../../events/catalogue.js';
import type { Column } from './column.js';
import { materialiseAny } from './record-decode.js';
import type { ColumnParts, RowBuilder } from './rows.js';
import { rowBuilder } from './rows-compiled.js';

const none = new Uint8Array(0);

/** Payloads of `count` events. @cost About 20 ns each, and what record fields cost. */
export function buildRows(kind: KindName, columns: readonly Column[], count: number): object[] {
  const builder = builders.get(kind);
  invariant(builder !== undefined, `no builder for ${kind}`);
  return builder(columns.map(parts), count);
}

function parts(column: Column): ColumnParts {
  switch (column.is) {
    case 'numbers':
      return { numbers: column.values, values: [] };
    case 'texts':
      return { numbers: column.ids, values: column.table };
    case 'records':
      return { numbers: none, values: materialiseAny(column.values) };
  }
}

const builders: ReadonlyMap<KindName, RowBuilder> = new Map(
  kindNames.map((kind) => [kind, rowBuilder(kind, catalogue[kind].fields)]),
);
