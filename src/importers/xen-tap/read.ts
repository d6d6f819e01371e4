import type { DomainId } from '../../base/brand.js';
import { Trouble } from '../../base/errors.js';
import { domctlOps } from '../../events/abi/domctl.js';
import { decodeArgument, type Operation, operationName } from '../../events/abi/operation.js';
import { physdevOps } from '../../events/abi/physdev.js';
import type { InputDraft } from '../../events/catalogue.js';
import type { RecordObject, RecordValue } from '../../events/field.js';
import { type CallerSbdf, parseSbdf } from '../../pci/sbdf.js';

/** One call of a tap: breakpoints inside a running Xen wrote down arguments before, results after. */
export interface TapCall {
  readonly seq: number;
  readonly line: number;
  /** The domain whose vCPU was running; domain 0 in the older form, which does not say. */
  readonly caller: DomainId;
  readonly fn: 'physdev_op' | 'domctl' | 'pci_conf_write_intercept';
  /** Sub-operation; `#n` when it has no name; empty for an intercepted write. */
  readonly op: string;
  /** Subject of a domctl. */
  readonly domain: number | null;
  /** Null when the tap did not follow the argument. */
  readonly args: RecordObject | null;
  /** Null when the recording ended inside the call. */
  readonly ret: number | null;
  /** The argument afterwards, only when it had changed. */
  readonly out: RecordObject | null;
  /** Right after entry; null where the tap wrote none. */
  readonly time: TapTime | null;
}

/** Cycles of the TSC, as in trace buffers of the same run; seconds since the start in the older form. */
export type TapTime = { readonly tsc: number } | { readonly seconds: number };

/** Names the tap uses for fields that the public headers call otherwise. */
const renamed: Readonly<Record<string, string>> = { allow: 'allow_access', sbdf: 'machine_sbdf' };

/**
 * Reads the calls of a `tap.jsonl`, in the order of entry; lines of other functions are passed over.
 * @throws {Trouble} TAP-001 a line is no JSON object; TAP-002 a call lacks a field or has one of the wrong type.
 */
export function readTap(text: string, file: string): TapCall[] {
  return text.split('\n').flatMap((row, index) => {
    const call = row.trim() === '' ? null : readTapRow(row, file, index + 1);
    return call === null ? [] : [call];
  });
}

/** The same for one row; null for a function that is passed over. @throws {Trouble} TAP-001, TAP-002 */
export function readTapRow(row: string, file: string | null, line: number): TapCall | null {
  const record = parseRow(row, file, line);
  const fn = record['fn'];
  if (fn !== 'physdev_op' && fn !== 'domctl' && fn !== 'pci_conf_write_intercept') return null;
  return toCall(record, fn, file, line);
}

function parseRow(row: string, file: string | null, line: number): RecordObject {
  let value: unknown;
  try {
    value = JSON.parse(row);
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Trouble('TAP-001', 'not a record of a tap', {
      ...inFile(file),
      at: { line },
      expected: 'one JSON object',
      actual: row.slice(0, 80),
      hint: 'the file is cut or not a tap.jsonl',
    });
  }
  return value as RecordObject;
}

function toCall(record: RecordObject, fn: TapCall['fn'], file: string | null, line: number): TapCall {
  const number = (name: string): number => {
    const value = record[name];
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    throw new Trouble('TAP-002', `a call without a usable ${name}`, {
      ...inFile(file),
      at: { line },
      expected: 'an integer',
      actual: JSON.stringify(value ?? null),
    });
  };
  const caller = Number(/^d(\d+)v/.exec(String(record['cur'] ?? 'd0v0'))?.[1] ?? 0) as DomainId;
  const ret = typeof record['ret'] === 'number' ? record['ret'] : null;
  const head = { seq: number('seq'), line, caller, fn, ret, time: timeOf(record) };
  if (fn === 'pci_conf_write_intercept') {
    const { sbdf, reg, size, data } = {
      sbdf: record['sbdf'] ?? '',
      reg: number('reg'),
      size: number('size'),
      data: number('data'),
    };
    return { ...head, op: '', domain: null, args: { sbdf, reg, size, data: data >>> 0 }, out: null };
  }
  const table: Readonly<Record<string, Operation>> = fn === 'domctl' ? domctlOps : physdevOps;
  const known = operationName(table, number('cmd'));
  const op = known.startsWith('#') && typeof record['name'] === 'string' ? record['name'] : known;
  return {
    ...head,
    op,
    domain: fn === 'domctl' ? number('domain') : null,
    args: argumentOf(record, Object.hasOwn(table, op) ? table[op] : undefined),
    out: fields(record['out']),
  };
}

/** The structure's own bytes where the tap kept them, else the fields it decoded. */
function argumentOf(record: RecordObject, op: Operation | undefined): RecordObject | null {
  const raw = record['raw'];
  if (op !== undefined && typeof raw === 'string' && /^([0-9a-f]{2})*$/i.test(raw)) {
    const bytes = Uint8Array.from(raw.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    return decodeArgument(op, bytes);
  }
  return fields(record['args']);
}

function fields(value: RecordValue | undefined): RecordObject | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return Object.fromEntries(
    Object.entries(value as RecordObject).map(([name, field]) => {
      const packed = name === 'sbdf' && typeof field === 'string' ? parseSbdf<CallerSbdf>(field) : field;
      return [Object.hasOwn(renamed, name) ? renamed[name] : name, packed];
    }),
  );
}

/** The call as an input of the models; null when the tap holds too little of it. */
export function tapInput(call: TapCall): InputDraft | null {
  const by = `d${call.caller}`;
  if (call.args === null) return null;
  if (call.fn === 'pci_conf_write_intercept') {
    const sbdf = parseSbdf<CallerSbdf>(String(call.args['sbdf']));
    if (sbdf === null) return null;
    const { reg, size, data } = call.args as { reg: number; size: number; data: number };
    return {
      kind: 'config.requested',
      by,
      origin: 'observed',
      data: { domid: call.caller, via: 'pv', dir: 'write', sbdf, reg, size, value: data },
    };
  }
  const args = call.domain === null ? call.args : { ...call.args, domain: call.domain };
  return {
    kind: 'hypercall.issued',
    by,
    origin: 'observed',
    data: { domid: call.caller, hypercall: call.fn, op: call.op, args },
  };
}

const inFile = (file: string | null): { readonly file?: string } => (file === null ? {} : { file });

function timeOf(record: RecordObject): TapTime | null {
  const { tsc, t } = record as { tsc?: RecordValue; t?: RecordValue };
  if (typeof tsc === 'number' && tsc >= 0 && Number.isFinite(tsc)) return { tsc };
  return typeof t === 'number' && t >= 0 && Number.isFinite(t) ? { seconds: t } : null;
}
