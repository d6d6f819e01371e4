import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { operationTables } from '../../../src/events/abi/hypercalls.js';
import { bufferedIopage, bufIoreqLayout, ioreqLayout } from '../../../src/events/abi/ioreq.js';
import { decodeArgument, encodeArgument, type Operation } from '../../../src/events/abi/operation.js';
import {
  decodeStruct,
  encodeStruct,
  type StructField,
  type StructLayout,
  struct,
  u16,
  u64,
  words,
} from '../../../src/events/abi/struct.js';
import type { RecordObject, RecordValue } from '../../../src/events/field.js';

/** Any record that fits a layout, in the form decoding gives. */
const recordOf = (layout: StructLayout): fc.Arbitrary<RecordObject> =>
  fc.record(
    Object.fromEntries(layout.fields.map((field) => [field.name, valueFor(field)])),
  ) as fc.Arbitrary<RecordObject>;

function valueFor(field: StructField): fc.Arbitrary<RecordValue> {
  switch (field.is) {
    case 'int':
      return intOf(field.bytes, field.signed);
    case 'bits':
      return fc.nat({ max: 2 ** field.width - 1 });
    case 'struct':
      return recordOf(field.layout);
    case 'array':
    case 'tail': {
      const { element } = field;
      const value = 'layout' in element ? recordOf(element.layout) : intOf(element.bytes, false);
      const length =
        field.is === 'array' ? { minLength: field.length, maxLength: field.length } : { maxLength: 5 };
      return fc.array(value as fc.Arbitrary<RecordValue>, length);
    }
  }
}

const intOf = (bytes: number, signed: boolean): fc.Arbitrary<RecordValue> => {
  if (bytes < 8)
    return signed
      ? fc.integer({ min: -(2 ** (8 * bytes - 1)), max: 2 ** (8 * bytes - 1) - 1 })
      : fc.nat({ max: 2 ** (8 * bytes) - 1 });
  return fc
    .bigInt({ min: 0n, max: 2n ** 64n - 1n })
    .map((n) => (n < 2n ** 53n ? Number(n) : `0x${n.toString(16).padStart(16, '0')}`));
};

const layoutsOf = (op: Operation): StructLayout[] =>
  op.variants === undefined ? (op.arg === null ? [] : [op.arg]) : Object.values(op.variants.by);

const everyLayout: [string, StructLayout][] = [
  ...Object.entries(operationTables).flatMap(([hypercall, table]) =>
    Object.entries(table as Record<string, Operation>).flatMap(([name, op]) =>
      layoutsOf(op).map((layout, i): [string, StructLayout] => [`${hypercall} ${name} ${i}`, layout]),
    ),
  ),
  ['ioreq', ioreqLayout],
  ['buf_ioreq', bufIoreqLayout],
];

describe('struct codec', () => {
  it.each(everyLayout)('%s: any record survives bytes and back', (_name, layout) => {
    fc.assert(
      fc.property(recordOf(layout), (record) => {
        expect(decodeStruct(layout, encodeStruct(layout, record))).toEqual(record);
      }),
      { numRuns: 50 },
    );
  });

  it.each(everyLayout)('%s: any bytes decode, and encode back to the same record', (_name, layout) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: layout.sizeBytes + 8 }), (bytes) => {
        const record = decodeStruct(layout, bytes);
        expect(decodeStruct(layout, encodeStruct(layout, record))).toEqual(record);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps fields inside the structure and apart from each other', () => {
    for (const [name, layout] of everyLayout) {
      const owner = new Map<number, string>();
      for (const field of layout.fields) {
        if (field.is === 'tail') continue;
        const width =
          field.is === 'struct'
            ? 8 * field.layout.sizeBytes
            : field.is === 'array'
              ? 8 *
                field.length *
                ('layout' in field.element ? field.element.layout.sizeBytes : field.element.bytes)
              : field.is === 'bits'
                ? field.width
                : 8 * field.bytes;
        const first = 8 * field.offset + (field.is === 'bits' ? field.low : 0);
        for (let bit = first; bit < first + width; bit++) {
          expect(owner.get(bit), `${name}: ${field.name} and ${owner.get(bit)} share bit ${bit}`).toBe(
            undefined,
          );
          owner.set(bit, field.name);
        }
        expect(first + width, `${name}: ${field.name}`).toBeLessThanOrEqual(8 * layout.sizeBytes);
      }
    }
  });

  it('cuts numbers to the width of the field and takes anything else for zero', () => {
    const layout = struct('s', 10, [u16('a', 0), u64('b', 2)]);
    expect(decodeStruct(layout, encodeStruct(layout, { a: 0x1_2345, b: 'no number' }))).toEqual({
      a: 0x2345,
      b: 0,
    });
    expect(decodeStruct(layout, encodeStruct(layout, { b: -1 }))).toEqual({ a: 0, b: '0xffffffffffffffff' });
    expect(words(-2)).toEqual([0xffff_fffe, 0xffff_ffff]);
  });

  it('picks the member of a union by its selecting field', () => {
    const op = operationTables.domctl.bind_pt_irq;
    const msi = { machine_irq: 55, irq_type: 2, gvec: 65, gflags: 0x10000, gtable: 0xf1000000 };
    expect(decodeArgument(op, encodeArgument(op, msi))).toEqual(msi);
    const pci = { machine_irq: 23, irq_type: 0, bus: 0, device: 3, intx: 1 };
    expect(decodeArgument(op, encodeArgument(op, pci))).toEqual(pci);
  });

  it('reads the buffered page as 511 slots behind two indexes', () => {
    const bytes = new Uint8Array(4096);
    bytes[4] = 3;
    bytes[8] = 1;
    expect(decodeStruct(bufferedIopage, bytes)['write_pointer']).toBe(3);
    expect((decodeStruct(bufferedIopage, bytes)['buf_ioreq'] as RecordObject[])[0]!['type']).toBe(1);
  });
});
