import type { RecordObject, RecordValue } from '../field.js';

/**
 * One structure of a public header as data. `fields` stand in the order of the header; bytes that no field covers are
 * padding: written as zero, not read.
 */
export interface StructLayout {
  readonly name: string;
  /** Bytes of the structure; of its fixed part when the last field is a `tail`. */
  readonly sizeBytes: number;
  readonly fields: readonly StructField[];
}

/** What stands at one place of a structure. Offsets are bytes from the start of the structure they belong to. */
export type StructField = { readonly name: string; readonly offset: number } & (
  | { readonly is: 'int'; readonly bytes: 1 | 2 | 4 | 8; readonly signed: boolean }
  /** A bit field: `width` bits from bit `low` of the little-endian word of `bytes` bytes at `offset`. */
  | { readonly is: 'bits'; readonly bytes: 1 | 4; readonly low: number; readonly width: number }
  | { readonly is: 'struct'; readonly layout: StructLayout }
  | { readonly is: 'array'; readonly element: ArrayElement; readonly length: number }
  /** As many elements as the buffer still holds. */
  | { readonly is: 'tail'; readonly element: ArrayElement }
);

export type ArrayElement = { readonly bytes: 1 | 2 | 4 | 8 } | { readonly layout: StructLayout };

export const u8 = (name: string, offset: number): StructField => int(name, offset, 1, false);
export const u16 = (name: string, offset: number): StructField => int(name, offset, 2, false);
export const u32 = (name: string, offset: number): StructField => int(name, offset, 4, false);
/** 64 bits; read as a number up to 2^53 - 1 and as a `0x…` text above. */
export const u64 = (name: string, offset: number): StructField => int(name, offset, 8, false);
export const i16 = (name: string, offset: number): StructField => int(name, offset, 2, true);
export const i32 = (name: string, offset: number): StructField => int(name, offset, 4, true);
/** A guest handle: the caller's virtual address, 8 bytes in the 64-bit ABI. */
export const handle = u64;
export const bits = (
  name: string,
  offset: number,
  bytes: 1 | 4,
  low: number,
  width: number,
): StructField => ({
  name,
  offset,
  is: 'bits',
  bytes,
  low,
  width,
});
export const nested = (name: string, offset: number, layout: StructLayout): StructField => ({
  name,
  offset,
  is: 'struct',
  layout,
});
export const array = (name: string, offset: number, element: ArrayElement, length: number): StructField => ({
  name,
  offset,
  is: 'array',
  element,
  length,
});
export const tail = (name: string, offset: number, element: ArrayElement): StructField => ({
  name,
  offset,
  is: 'tail',
  element,
});
export const struct = (name: string, sizeBytes: number, fields: readonly StructField[]): StructLayout => ({
  name,
  sizeBytes,
  fields,
});

function int(name: string, offset: number, bytes: 1 | 2 | 4 | 8, signed: boolean): StructField {
  return { name, offset, is: 'int', bytes, signed };
}

/**
 * Reads a structure out of bytes. Bytes beyond the end of `bytes` read as 0, so that a short guest buffer decodes to
 * something; callers that must answer -EFAULT check the length first.
 * @param at Offset of the structure in `bytes`.
 * @cost O(fields), allocates the record.
 */
export function decodeStruct(layout: StructLayout, bytes: Uint8Array, at = 0): RecordObject {
  const record: Record<string, RecordValue> = {};
  for (const field of layout.fields) record[field.name] = readField(field, bytes, at + field.offset);
  return record;
}

/**
 * Writes a record as the structure: missing or ill-typed fields are zeros, numbers are cut to the width of the field.
 * A `tail` makes the result longer than `layout.sizeBytes`.
 * @returns Fresh bytes.
 */
export function encodeStruct(layout: StructLayout, record: RecordObject): Uint8Array {
  const bytes = new Uint8Array(encodedSize(layout, record));
  writeInto(layout, record, bytes, 0);
  return bytes;
}

function encodedSize(layout: StructLayout, record: RecordObject): number {
  const last = layout.fields.at(-1);
  if (last?.is !== 'tail') return layout.sizeBytes;
  const items = record[last.name];
  const length = Array.isArray(items) ? items.length : 0;
  return Math.max(layout.sizeBytes, last.offset + length * elementBytes(last.element));
}

const elementBytes = (element: ArrayElement): number =>
  'layout' in element ? element.layout.sizeBytes : element.bytes;

function readField(field: StructField, bytes: Uint8Array, at: number): RecordValue {
  switch (field.is) {
    case 'int':
      return readInt(bytes, at, field.bytes, field.signed);
    case 'bits':
      return (
        Math.floor((readInt(bytes, at, field.bytes, false) as number) / 2 ** field.low) % 2 ** field.width
      );
    case 'struct':
      return decodeStruct(field.layout, bytes, at);
    case 'array':
      return readElements(field.element, bytes, at, field.length);
    case 'tail': {
      const room = Math.max(0, bytes.length - at);
      return readElements(field.element, bytes, at, Math.floor(room / elementBytes(field.element)));
    }
  }
}

function readElements(element: ArrayElement, bytes: Uint8Array, at: number, length: number): RecordValue {
  const size = elementBytes(element);
  return Array.from({ length }, (_, i) =>
    'layout' in element
      ? decodeStruct(element.layout, bytes, at + i * size)
      : readInt(bytes, at + i * size, element.bytes, false),
  );
}

function writeInto(layout: StructLayout, record: RecordObject, bytes: Uint8Array, at: number): void {
  for (const field of layout.fields) writeField(field, record[field.name], bytes, at + field.offset);
}

function writeField(field: StructField, value: RecordValue | undefined, bytes: Uint8Array, at: number): void {
  switch (field.is) {
    case 'int':
      writeInt(bytes, at, field.bytes, value);
      return;
    case 'bits': {
      const rest = readInt(bytes, at, field.bytes, false) as number;
      const [low] = words(value);
      writeInt(bytes, at, field.bytes, rest + (low % 2 ** field.width) * 2 ** field.low);
      return;
    }
    case 'struct':
      writeInto(field.layout, asRecord(value), bytes, at);
      return;
    case 'array':
    case 'tail': {
      const items = Array.isArray(value) ? (value as readonly RecordValue[]) : [];
      const length = field.is === 'array' ? Math.min(field.length, items.length) : items.length;
      const size = elementBytes(field.element);
      for (let i = 0; i < length; i++) {
        if ('layout' in field.element)
          writeInto(field.element.layout, asRecord(items[i]), bytes, at + i * size);
        else writeInt(bytes, at + i * size, field.element.bytes, items[i]);
      }
    }
  }
}

const asRecord = (value: RecordValue | undefined): RecordObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RecordObject) : {};

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;

const word = (bytes: Uint8Array, at: number): number =>
  (byteAt(bytes, at) |
    (byteAt(bytes, at + 1) << 8) |
    (byteAt(bytes, at + 2) << 16) |
    (byteAt(bytes, at + 3) << 24)) >>>
  0;

function readInt(bytes: Uint8Array, at: number, size: 1 | 2 | 4 | 8, signed: boolean): RecordValue {
  if (size === 8) return wide(word(bytes, at), word(bytes, at + 4));
  const value = word(bytes, at) % 2 ** (8 * size);
  return signed && value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
}

/** The record value of a 64-bit word given as two halves: a number while exact, else a `0x…` text. */
function wide(low: number, high: number): number | string {
  return high < 0x20_0000
    ? high * 0x1_0000_0000 + low
    : `0x${high.toString(16).padStart(8, '0')}${low.toString(16).padStart(8, '0')}`;
}

/** The two 32-bit halves, low first, of a record value in two's complement; anything that is no integer is 0. */
export function words(value: RecordValue | undefined): readonly [number, number] {
  if (typeof value === 'number' && Number.isFinite(value)) {
    const whole = Math.trunc(value);
    const high = Math.floor(whole / 0x1_0000_0000);
    return [(whole - high * 0x1_0000_0000) >>> 0, high >>> 0];
  }
  if (typeof value === 'boolean') return [value ? 1 : 0, 0];
  if (typeof value === 'string' && /^0x[0-9a-f]{1,16}$/i.test(value)) {
    const digits = value.slice(2).padStart(16, '0');
    return [Number.parseInt(digits.slice(8), 16), Number.parseInt(digits.slice(0, 8), 16)];
  }
  return [0, 0];
}

function writeInt(bytes: Uint8Array, at: number, size: 1 | 2 | 4 | 8, value: RecordValue | undefined): void {
  const [low, high] = words(value);
  for (let i = 0; i < size && at + i < bytes.length; i++)
    bytes[at + i] = i < 4 ? low >>> (8 * i) : high >>> (8 * (i - 4));
}
