import { hex, hexPad } from '../base/hex.js';
import { operationTables } from '../events/abi/hypercalls.js';
import { encodeArgument, type OperationTable, variantOf } from '../events/abi/operation.js';
import type { StructLayout } from '../events/abi/struct.js';
import type { TraceEvent } from '../events/catalogue.js';
import type { RecordObject } from '../events/field.js';
import type { Json } from '../events/present.js';
import { readRecord } from '../models/arm/fault-record.js';
import { reg } from '../pci/header.js';
import { decodeItsCommand, type ItsWords } from '../pci/its-command.js';
import { decodeX86Message, isX86Doorbell } from '../pci/x86-message.js';

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
export function decodeEvent(event: TraceEvent): Decoded[] {
  switch (event.kind) {
    case 'hypercall.issued':
    case 'hypercall.entered':
      return decodeCall(event.data.hypercall, event.data.op, event.data.args);
    case 'config.requested':
    case 'config.performed':
      return decodeRegister(event.data.reg, event.data.size, event.data.value);
    case 'iommu.faulted': {
      const { w0, w1, w2, w3 } = event.data;
      if (w0 === null || w1 === null || w2 === null || w3 === null) return [];
      return words('event record of the SMMU', [w0, w1, w2, w3], readRecord([w0, w1, w2, w3]));
    }
    case 'its.commanded': {
      const { d0, d1, d2, d3 } = event.data;
      const command: ItsWords = [d0, d1, d2, d3];
      return words('ITS command', command, decodeItsCommand(command));
    }
    case 'msi.sent':
    case 'msi.written': {
      const { address, data } = event.data;
      if (!isX86Doorbell(address)) return [];
      return parts('interrupt message of x86', null, decodeX86Message(address, data));
    }
    default:
      return [];
  }
}

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
        return { name, offset, value: part === null ? null : hex(part) };
      }),
    },
  ];
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
