import { Trouble } from '../../base/errors.js';
import { domctlOps } from '../../events/abi/domctl.js';
import { type Operation, operationName } from '../../events/abi/operation.js';
import { physdevOps } from '../../events/abi/physdev.js';
import type { RecordObject, RecordValue } from '../../events/field.js';
import { type CallerSbdf, parseSbdf, type XenSbdf } from '../../pci/sbdf.js';

/** A hypercall as it entered; what follows until the next one happened inside of it or after it. */
export interface ArmCall {
  readonly fn: 'physdev_op' | 'domctl';
  readonly seq: number;
  readonly op: string;
  /** Subject of a domctl. */
  readonly domain: number | null;
  /** By the names of the public headers; null when the tap did not follow the argument. */
  readonly args: RecordObject | null;
  /** Null when Xen never came back. */
  readonly ret: number | null;
}

/** One record of the tap of an ARM Xen. */
export type ArmRecord =
  | ArmCall
  /** A function below a call, with the result it had; null when it did not come back. */
  | {
      readonly fn: 'pci_add_device' | 'pci_remove_device' | 'smmu_add_device';
      readonly seq: number;
      readonly ret: number | null;
    }
  | { readonly fn: 'smmu_assign_dev'; readonly seq: number; readonly domain: number; readonly ret: number }
  | {
      readonly fn: 'smmu_write_ste';
      readonly seq: number;
      readonly streamId: number;
      readonly before: SteRecord;
      readonly after: SteRecord;
    }
  | {
      readonly fn: 'xen_config_access';
      readonly seq: number;
      readonly sbdf: XenSbdf;
      readonly reg: number;
      /** The bridge Xen found behind the name. */
      readonly bridge: {
        readonly node: string;
        readonly segment: number;
        readonly cfgBase: number;
        readonly buses: readonly [number, number];
      };
    }
  /** A look-up that found no bridge. */
  | { readonly fn: 'find_host_bridge'; readonly seq: number; readonly segment: number; readonly bus: number };

/** A stream table entry as memory had it. */
export interface SteRecord {
  readonly config: 'abort' | 'bypass' | 'stage2';
  readonly vmid: number;
  /** D0 to D3, as `0x` and 16 digits. */
  readonly words: readonly string[];
}

/** Whether a line is one of an ARM Xen's tap: what only its functions write down. */
export const isArmTapLine = (line: string): boolean =>
  /"fn": ?"(?:smmu_(?:add_device|assign_dev|write_ste)|xen_config_access|find_host_bridge|pci_(?:add|remove)_device)"/.test(
    line,
  );

/** @throws {Trouble} TAP-001 a line is no JSON object; TAP-002 a record lacks a field or has one of the wrong type. */
export function readArmTap(text: string, file: string): ArmRecord[] {
  return text.split('\n').flatMap((row, index) => {
    const record = row.trim() === '' ? null : readArmRecord(row, file, index + 1);
    return record === null ? [] : [record];
  });
}

/** One line; null for a function nobody asks for. @throws {Trouble} TAP-001, TAP-002 */
export function readArmRecord(row: string, file: string, line: number): ArmRecord | null {
  const fields = new Fields(parse(row, file, line), file, line);
  const seq = fields.number('seq');
  const fn = fields.text('fn');
  switch (fn) {
    case 'physdev_op':
    case 'domctl':
      return { fn, seq, ...call(fields, fn) };
    case 'pci_add_device':
    case 'pci_remove_device':
    case 'smmu_add_device':
      return { fn, seq, ret: fields.has('ret') ? fields.number('ret') : null };
    case 'smmu_assign_dev':
      return { fn, seq, domain: fields.number('domain'), ret: fields.number('ret') };
    case 'smmu_write_ste':
      return {
        fn,
        seq,
        streamId: fields.hex('sid'),
        before: ste(fields.part('before')),
        after: ste(fields.part('after')),
      };
    case 'xen_config_access': {
      const bridge = fields.part('bridge');
      const [first, last] = bridge.numbers('buses');
      return {
        fn,
        seq,
        sbdf: fields.sbdf('sbdf'),
        reg: fields.number('reg'),
        bridge: {
          node: bridge.text('node'),
          segment: bridge.number('segment'),
          cfgBase: bridge.hex('cfg_base'),
          buses: [first ?? 0, last ?? 0],
        },
      };
    }
    case 'find_host_bridge':
      return { fn, seq, segment: fields.number('seg'), bus: fields.number('bus') };
    default:
      return null;
  }
}

function call(fields: Fields, fn: 'physdev_op' | 'domctl'): Omit<ArmCall, 'fn' | 'seq'> {
  const table: Readonly<Record<string, Operation>> = fn === 'domctl' ? domctlOps : physdevOps;
  return {
    op: operationName(table, fields.number('cmd')),
    domain: fn === 'domctl' ? fields.number('domain') : null,
    args: fields.has('args') ? callArgs(fields.part('args')) : null,
    ret: fields.has('ret') ? fields.number('ret') : null,
  };
}

/** Names of the public headers: `physfn` is a structure, a name of a device a number. */
function callArgs(fields: Fields): RecordObject {
  const args: Record<string, RecordValue> = {};
  for (const [name, value] of Object.entries(fields.record)) {
    if (name === 'sbdf') args['machine_sbdf'] = fields.sbdf('sbdf');
    else if (name === 'physfn_bus')
      args['physfn'] = { bus: fields.number('physfn_bus'), devfn: fields.number('physfn_devfn') };
    else if (name !== 'physfn_devfn') args[name] = value;
  }
  return args;
}

const configs = { abort: 'abort', bypass: 'bypass', s2: 'stage2' } as const;

/** An entry as a record has it, of the tap or of a whole table. */
export function readSte(record: RecordObject, file: string, line: number): SteRecord {
  return ste(new Fields(record, file, line));
}

function ste(fields: Fields): SteRecord {
  const name = fields.text('config');
  const config = Object.entries(configs).find(([theirs]) => theirs === name)?.[1];
  if (config === undefined) return fields.fail('config', 'abort, bypass or s2');
  return {
    config,
    vmid: fields.number('vmid'),
    words: fields.texts('d').map((word) => `0x${word.replace(/^0x/, '').padStart(16, '0')}`),
  };
}

/** A line of a tap as an object. @throws {Trouble} TAP-001 */
export function parse(row: string, file: string, line: number): RecordObject {
  let value: unknown;
  try {
    value = JSON.parse(row);
  } catch {
    value = null;
  }
  if (isObject(value)) return value;
  throw new Trouble('TAP-001', 'not a record of a tap', {
    file,
    at: { line },
    expected: 'one JSON object',
    actual: row.slice(0, 80),
    hint: 'the file is not a tap, or is cut off',
  });
}

const isObject = (value: unknown): value is RecordObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Fields of one record, each of the type asked for. */
class Fields {
  readonly record: RecordObject;
  readonly #file: string;
  readonly #line: number;

  constructor(record: RecordObject, file: string, line: number) {
    this.record = record;
    this.#file = file;
    this.#line = line;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.record, name);
  }

  #own(name: string): RecordValue | undefined {
    return this.has(name) ? this.record[name] : undefined;
  }

  number(name: string): number {
    const value = this.#own(name);
    return Number.isSafeInteger(value) ? Number(value) : this.fail(name, 'a whole number');
  }

  numbers(name: string): readonly number[] {
    const value = this.#own(name);
    return Array.isArray(value) && value.every((one) => Number.isSafeInteger(one))
      ? value.map(Number)
      : this.fail(name, 'whole numbers');
  }

  text(name: string): string {
    const value = this.#own(name);
    return typeof value === 'string' ? value : this.fail(name, 'a text');
  }

  texts(name: string): readonly string[] {
    const value = this.#own(name);
    return Array.isArray(value) && value.every((one) => typeof one === 'string')
      ? value.map(String)
      : this.fail(name, 'texts');
  }

  hex(name: string): number {
    const value = Number(this.text(name));
    return Number.isSafeInteger(value) ? value : this.fail(name, 'a number as 0x…');
  }

  sbdf(name: string): XenSbdf & CallerSbdf {
    const value = parseSbdf(this.text(name));
    return value === null ? this.fail(name, 'a name as 0000:01:00.0') : (value as XenSbdf & CallerSbdf);
  }

  part(name: string): Fields {
    const value = this.#own(name);
    return isObject(value) ? new Fields(value, this.#file, this.#line) : this.fail(name, 'an object');
  }

  fail(name: string, expected: string): never {
    throw new Trouble('TAP-002', `${name} of a call is missing or of the wrong type`, {
      file: this.#file,
      at: { line: this.#line },
      expected,
      actual: JSON.stringify(this.#own(name) ?? null).slice(0, 80),
      hint: 'the file is not a tap, or is damaged',
    });
  }
}
