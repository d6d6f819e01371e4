import { assertNever } from '../base/assert.js';
import { hex, hexPad } from '../base/hex.js';
import { operationTables } from '../events/abi/hypercalls.js';
import { encodeArgument, type OperationTable, variantOf } from '../events/abi/operation.js';
import type { StructLayout } from '../events/abi/struct.js';
import { kindOf, type TraceEvent } from '../events/catalogue.js';
import type { RecordObject } from '../events/field.js';
import type { Held } from '../events/kind.js';
import { decodeCf8 } from '../pci/cf8.js';
import { command, reg, status } from '../pci/header.js';
import { decodeItsCommand } from '../pci/its-command.js';
import { readRecord } from '../pci/smmu-record.js';
import type { Platform } from '../platform/platform.js';
import { decodeMessage } from './decode-message.js';
import type { Json } from './present.js';

/** Bytes or a register of an event, taken apart. */
export interface Decoded {
  /** What they are: a structure, a record, a register. */
  readonly what: string;
  /** In the order of memory, two digits a byte; null where only a value is known. */
  readonly bytes: string | null;
  readonly parts: readonly Part[];
}

export interface Part {
  readonly name: string;
  /** Bytes from the start; null where parts are bit fields. */
  readonly offset: number | null;
  readonly value: Json;
}

/** What stands in the bytes an event carries; empty for events without any. */
export const decodeEvent = (event: TraceEvent, platform: Platform): Decoded[] =>
  kindOf(event.kind)
    .holds(event.data)
    .flatMap((held) => decodeHeld(held, platform));

function decodeHeld(held: Held, platform: Platform): Decoded[] {
  switch (held.is) {
    case 'call':
      return decodeCall(held.hypercall, held.op, held.args);
    case 'register':
      return decodeRegister(held.reg, held.size, held.value);
    case 'smmu-record':
      return words('event record of the SMMU', held.words, readRecord(held.words));
    case 'its-command':
      return words('ITS command', held.words, decodeItsCommand(held.words));
    case 'message':
      return message(held.address, held.data, platform, held.label);
    case 'cf8':
      return parts('CONFIG_ADDRESS', null, decodeCf8(held.value));
    case 'gflags':
      return parts('guest destination and mode', null, decodeGflags(held.value));
    default:
      return assertNever(held);
  }
}

function message(address: number, data: number, platform: Platform, before = ''): Decoded[] {
  const decoded = decodeMessage(address, data, platform);
  return decoded === null ? [] : parts(`${before}${decoded.what}`, null, decoded.read);
}

/** @source facts/xen 6.2 */
const decodeGflags = (gflags: number): object => ({
  destination: gflags & 0xff,
  redirectionHint: (gflags & 0x100) !== 0,
  logical: (gflags & 0x200) !== 0,
  delivery: (gflags >>> 12) & 7,
  level: (gflags & 0x8000) !== 0,
  unmasked: (gflags & 0x1_0000) !== 0,
});

function decodeCall(hypercall: string, op: string, args: RecordObject): Decoded[] {
  const tables: Readonly<Record<string, OperationTable>> = operationTables;
  const table = Object.hasOwn(tables, hypercall) ? tables[hypercall]! : {};
  const operation = Object.hasOwn(table, op) ? table[op]! : null;
  if (operation === null || operation.arg === null) return [];
  const layout = variantOf(operation, args) ?? operation.arg;
  return [
    {
      what: `struct ${layout.name}`,
      bytes: spaced(encodeArgument(operation, args)),
      parts: fieldsOf(layout, args, '', 0),
    },
  ];
}

/** Fields with their offsets; nested structures by path. */
function fieldsOf(layout: StructLayout, record: RecordObject, path: string, at: number): Part[] {
  return layout.fields.flatMap((field) => {
    const [name, value] = [`${path}${field.name}`, record[field.name] ?? null];
    if (field.is === 'tail' && value === null) return [];
    const offset = at + field.offset;
    if (field.is === 'struct' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return fieldsOf(field.layout, value as RecordObject, `${name}.`, offset);
    }
    return [{ name, offset, value: typeof value === 'number' ? hex(value) : (value as Json) }];
  });
}

/** The registers of the configuration header an access covers; other registers have no fixed meaning. */
function decodeRegister(at: number, size: number, value: number | null): Decoded[] {
  const covered = Object.entries(reg).filter(([, offset]) => offset >= at && offset < at + size);
  if (covered.length === 0 || at >= 0x10) return [];
  return [
    {
      what: 'configuration header',
      bytes: value === null ? null : spaced(littleEndian(value, size)),
      parts: covered.map(([name, offset], i) => {
        const end = covered[i + 1]?.[1] ?? at + size;
        const part =
          value === null ? null : Math.floor(value / 2 ** (8 * (offset - at))) % 2 ** (8 * (end - offset));
        return { name, offset, value: part === null ? null : withBits(name, part) };
      }),
    },
  ];
}

/** A register's value, and the names of the bits that are set where the header gives them names. */
function withBits(name: string, value: number): string {
  const bits: Readonly<Record<string, number>> =
    name === 'command' ? command : name === 'status' ? status : {};
  const set = Object.entries(bits).filter(([, bit]) => (value & bit) !== 0);
  return set.length === 0 ? hex(value) : `${hex(value)} (${set.map(([bit]) => bit).join(', ')})`;
}

function words(what: string, list: readonly string[], read: object | null): Decoded[] {
  const bytes = list.flatMap((word) => (word.slice(2).match(/../g) ?? []).reverse()).join(' ');
  return parts(what, bytes, read);
}

const parts = (what: string, bytes: string | null, read: object | null): Decoded[] =>
  read === null ? [] : [{ what, bytes, parts: flat(read, '') }];

function flat(read: object, path: string): Part[] {
  return Object.entries(read).flatMap(([name, value]): Part[] => {
    if (typeof value === 'object' && value !== null) return flat(value, `${path}${name}.`);
    return [{ name: `${path}${name}`, offset: null, value: typeof value === 'number' ? hex(value) : value }];
  });
}

const spaced = (bytes: Uint8Array): string => Array.from(bytes, (byte) => hexPad(byte, 2)).join(' ');

function littleEndian(value: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 0x100);
}
