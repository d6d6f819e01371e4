import { describe, expect, it } from 'vitest';
import { Block } from '../../src/log/block-decode.js';
import { BlockEncoder } from '../../src/log/block-encode.js';
import { packDocument, unpackDocument } from '../../src/log/msgpack.js';
import { kindSince, type Upcaster } from '../../src/log/upcasters.js';
import { sampleEvents } from './sample.js';

type Table = [kind: string, rows: number, fields: [name: string, type: string, column: unknown][]];

/** A block as a version wrote it that knew `schema` changes, its tables as `old` makes them. */
function oldBlock(schema: number, old: (table: Table) => void): Uint8Array {
  const parts = unpackDocument(
    new BlockEncoder().encode([...sampleEvents(60)]).document,
    'no maps',
  ) as unknown[];
  parts[0] = schema;
  for (const table of parts[3] as Table[]) old(table);
  return packDocument(parts);
}

const field = (table: Table, name: string) => table[2].find((entry) => entry[0] === name)!;
const without = (table: Table, name: string) => table[2].splice(table[2].indexOf(field(table, name)), 1);

describe('a trace of an older version', () => {
  const events = [...sampleEvents(60)];

  it('has null in nullable fields that came later', () => {
    const block = new Block(
      oldBlock(0, (table) => table[0] === 'config.completed' && without(table, 'function')),
    );
    expect(block.events()[3]!.data).toEqual({ value: 1, handledBy: 'hardware', function: null });
  });

  it('gets renamed kinds and fields, and values for fields that came later', () => {
    const list: Upcaster[] = [
      {
        kind: 'config.answered',
        renamedTo: 'config.completed',
        renamedFields: { data: 'value' },
        droppedFields: ['junk'],
      },
      { kind: 'config.completed', addedFields: { handledBy: { type: 'text', value: 'hardware' } } },
    ];
    const bytes = oldBlock(0, (table) => {
      if (table[0] !== 'config.completed') return;
      table[0] = 'config.answered';
      field(table, 'value')[0] = 'data';
      table[2].push(['junk', 'int', [null, Uint8Array.of()]]);
      without(table, 'handledBy');
    });
    expect(new Block(bytes, list).events()).toStrictEqual(events);
    expect(kindSince('config.answered', 0, list)).toBe('config.completed');
  });

  it('is left alone by changes its writer already knew', () => {
    const list: Upcaster[] = [{ kind: 'config.completed', droppedFields: ['value'] }];
    expect(
      new Block(
        oldBlock(1, () => {}),
        list,
      ).events(),
    ).toStrictEqual(events);
    expect(
      () =>
        new Block(
          oldBlock(2, () => {}),
          list,
        ),
    ).toThrow(expect.objectContaining({ code: 'LOG-002' }));
  });

  it('may hold a number field that has another number type now', () => {
    const bytes = oldBlock(0, (table) => {
      if (table[0] === 'config.completed') field(table, 'value')[1] = 'int';
    });
    expect(new Block(bytes).events()).toStrictEqual(events);
  });
});
