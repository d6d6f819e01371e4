import { Trouble } from '../base/errors.js';
import { hex, parseInteger } from '../base/hex.js';
import { limits } from '../base/limits.js';
import { catalogue, isKindName, type Origin, type TraceEvent } from '../events/catalogue.js';
import type { Field, RecordObject, RecordValue } from '../events/field.js';
import { type BridgeTable, formatFunction, functionId, parseFunction } from '../pci/function-id.js';
import { bdfOf, formatSbdf, parseSbdf } from '../pci/sbdf.js';

/** Values of JSON documents. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** One event as `show --json` and the ndjson export write it: the JSON contract of CLI.md. */
export interface EventLine {
  readonly seq: number;
  readonly atNs: number;
  readonly kind: string;
  readonly role: string;
  readonly origin: string;
  readonly by: string;
  readonly cause: number | null;
  readonly data: { readonly [name: string]: Json };
}

/** The JSON line of an event. @param table Bridges of the trace's platform, to name functions. */
export function presentEvent(event: TraceEvent, table: BridgeTable): EventLine {
  const { role, fields }: { role: string; fields: Readonly<Record<string, Field>> } = catalogue[event.kind];
  const data: Record<string, Json> = {};
  const row = event.data as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(fields)) data[name] = presentField(fields[name]!, row[name], table);
  const { seq, atNs, kind, origin, by, cause } = event;
  return { seq, atNs, kind, role, origin, by, cause, data };
}

/** One field's value as JSON: `0x…` for hex fields, `ssss:bb:dd.f` for names, `0x<cfgBase>/bb:dd.f` for functions. */
export function presentField(field: Field, value: unknown, table: BridgeTable): Json {
  if (value === null) return null;
  switch (field.type.is) {
    case 'uint':
      return field.type.print === 'hex' ? hex(value as number) : (value as number);
    case 'sbdf':
      return formatSbdf(value as number);
    case 'function':
      return formatFunction(value as Parameters<typeof formatFunction>[0], table);
    case 'record':
      return field.type.registers === true
        ? presentRegisters(value as RecordObject)
        : presentRecord('', value as RecordValue);
    default:
      return value as Json;
  }
}

/** Register values by offset, ascending as they are kept; what is no such record stays as it is. */
function presentRegisters(record: RecordObject): Json {
  const entries = Object.entries(record);
  const isRegister = ([offset, value]: [string, RecordValue]): boolean =>
    String(Number(offset)) === offset && isRegisterValue(Number(offset)) && isRegisterValue(value);
  if (!entries.every(isRegister)) return presentRecord('', record);
  return Object.fromEntries(entries.map(([offset, value]) => [hex(Number(offset)), hex(value as number)]));
}

const isRegisterValue = (value: RecordValue): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);

/**
 * Names in hypercall arguments and results whose numbers are addresses, frames, register values or data.
 * @source facts/xen 2, 4.2, 7.1, 8 (structures of the public headers)
 */
const hexNames: ReadonlySet<string> = new Set([
  'addr',
  'address',
  'base',
  'data',
  'end',
  'first_gfn',
  'first_mfn',
  'gfn',
  'gmfn',
  'gpfn',
  'mfn',
  'start',
  'table_base',
  'value',
]);

/** Names whose numbers are a device's name, packed as segment, bus, device, function. @source facts/xen 7.1 */
const sbdfNames: ReadonlySet<string> = new Set(['machine_sbdf']);
const isSbdf = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < 2 ** 32;

function presentRecord(name: string, value: RecordValue): Json {
  if (typeof value === 'number') {
    if (sbdfNames.has(name) && isSbdf(value) && !Object.is(value, -0)) return formatSbdf(value);
    return hexNames.has(name) && Number.isSafeInteger(value) && !Object.is(value, -0) ? hex(value) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((element: RecordValue) => presentRecord(name, element));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, presentRecord(key, inner)]));
}

/**
 * Reads what `presentEvent` writes, from parsed JSON; `role` may be missing and entries in any order.
 * @throws {Trouble} EVT-001 to EVT-004, with the path inside the object
 */
export function parseEvent(json: unknown, table: BridgeTable): TraceEvent {
  if (!isObject(json)) throw new Trouble('EVT-001', 'not an event object', { at: { path: '$' } });
  const kind = json['kind'];
  if (typeof kind !== 'string' || !isKindName(kind)) {
    throw new Trouble('EVT-002', `unknown event kind ${JSON.stringify(kind)}`, {
      at: { path: 'kind' },
      hint: '`xpr events` lists the kinds',
    });
  }
  const { role, fields }: { role: string; fields: Readonly<Record<string, Field>> } = catalogue[kind];
  const seq = demand(json, 'seq', isCount, 'a number from 0 on');
  const atNs = demand(json, 'atNs', isCount, 'nanoseconds as a number from 0 on');
  const origin = demand(json, 'origin', isOrigin, 'observed, simulated or inferred');
  const by = demand(json, 'by', isText, 'a text');
  const isCause = (value: unknown) => value === null || (isCount(value) && value < seq);
  const cause = demand(json, 'cause', isCause, 'null or the number of an earlier event') as number | null;
  if (json['role'] !== undefined && json['role'] !== role) wrong('role', role, json['role']);
  const given = demand(json, 'data', isObject, 'an object');
  const data: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) {
    if (!Object.hasOwn(given, name)) wrong(`data.${name}`, 'a value or null', undefined);
    data[name] = parseField(fields[name]!, given[name], table, `data.${name}`);
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(fields, name)) {
      throw new Trouble('EVT-003', `${kind} has no field ${name}`, { at: { path: `data.${name}` } });
    }
  }
  return { seq, atNs, kind, origin, by, cause, data } as unknown as TraceEvent;
}

/** Reads what `presentField` writes. @throws {Trouble} EVT-004 */
function parseField(field: Field, json: unknown, table: BridgeTable, path: string): unknown {
  if (json === null) {
    if (!field.nullable) wrong(path, 'a value', null);
    return null;
  }
  const { type } = field;
  switch (type.is) {
    case 'uint': {
      // Sizes were hex texts in exports of 0.1.0.
      const hexText = type.print === 'hex' || type.bits === 53;
      const value = hexText && typeof json === 'string' ? parseInteger(json) : json;
      if (!isCount(value) || value > 2 ** type.bits - 1)
        wrong(path, `an unsigned ${type.bits}-bit number`, json);
      return value;
    }
    case 'int':
      if (!Number.isSafeInteger(json)) wrong(path, 'an integer', json);
      return json;
    case 'flag':
      if (typeof json !== 'boolean') wrong(path, 'true or false', json);
      return json;
    case 'choice':
      if (!isText(json) || !type.values.includes(json)) wrong(path, type.values.join(', '), json);
      return json;
    case 'text':
      if (!isText(json)) wrong(path, 'a text', json);
      return json;
    case 'sbdf': {
      const value = isText(json) ? parseSbdf(json) : null;
      if (value === null) wrong(path, 'ssss:bb:dd.f', json);
      return value;
    }
    case 'function': {
      const value = isText(json) ? (parseFunction(json, table) ?? parseNamelessFunction(json)) : null;
      if (value === null) wrong(path, '0x<cfgBase>/bb:dd.f of a bridge of the platform', json);
      return value;
    }
    case 'record':
      if (!isObject(json)) wrong(path, 'an object', json);
      return type.registers === true ? parseRegisters(json, path) : parseRecord('', json, path);
  }
}

/** `?n/bb:dd.f`: a function of a bridge that the platform does not have, kept visible by `formatFunction`. */
function parseNamelessFunction(text: string): number | null {
  const match = /^\?(\d{1,12})\/([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/.exec(text);
  const id = match === null ? null : parseSbdf(match[2]!);
  return match === null || id === null ? null : functionId(Number(match[1]), bdfOf(id));
}

/** Reads what `presentRegisters` writes, and the plain numbers of older versions. */
function parseRegisters(json: Record<string, unknown>, path: string): RecordValue {
  const entries = Object.entries(json);
  const isHex = (text: unknown): text is string => isText(text) && /^0x[0-9a-f]+$/.test(text);
  const numbers = entries.map(([offset, value]) =>
    isHex(offset) && isHex(value) ? ([parseInteger(offset), parseInteger(value)] as const) : null,
  );
  if (numbers.some((one) => one === null || one[0] === null || one[1] === null))
    return parseRecord('', json, path);
  return Object.fromEntries(numbers.map((one) => [String(one![0]), one![1]!]));
}

function parseRecord(name: string, json: unknown, path: string, depth = 1): RecordValue {
  if (depth > limits.recordDepth && typeof json === 'object' && json !== null) {
    // The last level has room for what holds nothing.
    const fits = depth === limits.recordDepth + 1 && isObject(json) && Object.keys(json).length === 0;
    if (!fits) wrong(path, `at most ${limits.recordDepth} levels`, 'more');
  }
  if (typeof json === 'string' && sbdfNames.has(name)) {
    const value = parseSbdf(json);
    if (value !== null) return value;
  }
  if (typeof json === 'string' && hexNames.has(name)) {
    const negative = json.startsWith('-');
    const value = /^-?0x[0-9a-f]+$/.test(json) ? parseInteger(negative ? json.slice(1) : json) : null;
    // 64-bit values above 2^53 - 1 stay texts.
    if (value !== null) return negative ? -value : value;
  }
  if (Array.isArray(json))
    return json.map((element, i) => parseRecord(name, element, `${path}[${i}]`, depth + 1));
  if (isObject(json)) {
    const entries = Object.entries(json).map(([key, inner]) => {
      if (key === '__proto__' || !isText(key)) wrong(`${path}.${key}`, 'another name', key);
      return [key, parseRecord(key, inner, `${path}.${key}`, depth + 1)] as const;
    });
    return Object.fromEntries(entries);
  }
  if (json === null || typeof json === 'boolean' || typeof json === 'number') return json;
  if (!isText(json)) wrong(path, 'a JSON value', json);
  return json;
}

function demand<T>(
  json: Record<string, unknown>,
  name: string,
  rule: (v: unknown) => v is T,
  expected: string,
): T;
function demand(
  json: Record<string, unknown>,
  name: string,
  rule: (v: unknown) => boolean,
  expected: string,
): unknown;
function demand(
  json: Record<string, unknown>,
  name: string,
  rule: (v: unknown) => boolean,
  expected: string,
): unknown {
  const value = json[name];
  if (!rule(value)) wrong(name, expected, value);
  return value;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
/** Whole characters only: a lone surrogate cannot be stored as UTF-8. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && !/\p{Surrogate}/u.test(value);
const isOrigin = (value: unknown): value is Origin =>
  value === 'observed' || value === 'simulated' || value === 'inferred';
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function wrong(path: string, expected: string, actual: unknown): never {
  throw new Trouble('EVT-004', `wrong value in ${path}`, {
    at: { path },
    expected,
    actual: actual === undefined ? 'nothing' : JSON.stringify(actual),
  });
}
