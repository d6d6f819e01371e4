import { hex } from '../../src/base/hex.js';
import type { DataOf, TraceEvent } from '../../src/events/catalogue.js';
import type { Field, Numbering, NumberMeaning, RecordObject, RecordValue } from '../../src/events/field.js';
import { functionBehind } from '../../src/models/xen/config-access.js';
import { type FunctionId, formatFunction } from '../../src/pci/function-id.js';
import {
  type AnySbdf,
  bdfOf,
  type Dom0Sbdf,
  formatSbdf,
  parseSbdf,
  type XenSbdf,
} from '../../src/pci/sbdf.js';
import { deviceNamed, readByDom0 } from '../../src/rules/names.js';
import type { Env } from '../../src/state/env.js';
import type { ReadonlyWorld } from '../../src/state/world.js';

/** Where a name is read: at that moment of that trace. */
export interface Moment {
  readonly world: ReadonlyWorld;
  readonly env: Env;
}

/** Whether a field says nothing of what was meant: a number somebody gave, or a place in the log. */
export const isMereNumber = ({ type, given }: Field): boolean =>
  given === true || (type.is === 'uint' && type.of?.is === 'place');

/** A field's value with every name replaced by the thing it stands for in the numbering of whoever uses it. */
export function meantBy({ type }: Field, value: unknown, event: TraceEvent, at: Moment): RecordValue {
  if (value === null) return null;
  switch (type.is) {
    case 'function':
      return formatFunction(value as FunctionId, at.env.platform);
    case 'sbdf':
      return (
        thing(value as number, partyOf(type.numbering, event, at), at) ?? `?${formatSbdf(value as number)}`
      );
    case 'uint':
      return type.of === undefined ? (value as number) : number(type.of, value as number, event, at);
    case 'text':
      return type.names === undefined
        ? (value as string)
        : inText(value as string, partyOf(type.names, event, at), at);
    case 'record':
      if (type.names === 'call')
        return call(event.data as DataOf<'hypercall.issued'>, value as RecordObject, at);
      return type.names === 'dom0' ? inRecord(value as RecordObject, at) : (value as RecordObject);
    case 'int':
    case 'flag':
    case 'choice':
      return value as RecordValue;
  }
}

type Party = 'xen' | 'dom0' | 'guest';

/** Whose numbering a name of an event is in. */
function partyOf(numbering: Numbering, { data }: TraceEvent, { world }: Moment): Party {
  if (numbering !== 'caller') return numbering;
  const { domid } = data as { readonly domid?: number };
  return domid !== undefined && world.domains[domid]?.hardware === true ? 'dom0' : 'guest';
}

/** The function behind a name; null where there is none. A guest's names are what they are. */
function thing(name: number, party: Party, { world, env }: Moment): string | null {
  if (party === 'guest') return formatSbdf(name);
  const fn =
    party === 'xen' ? functionBehind(world, env, name as XenSbdf) : readByDom0(world, env, name as Dom0Sbdf);
  return fn === null ? null : formatFunction(fn, env.platform);
}

function number(of: NumberMeaning, value: number, { data }: TraceEvent, { world }: Moment): RecordValue {
  if (of.is !== 'segment') return value;
  const party = of.numbering === 'by' ? (data as { readonly by?: string }).by : of.numbering;
  const { bridges } = party === 'xen' ? world.xen : world.dom0;
  const bridge = bridges.find(({ segment }) => segment === value);
  return bridge === undefined ? `?${value}` : hex(bridge.cfgBase);
}

/** Names as `ssss:bb:dd.f`, in XenStore with dashes, in messages without leading zeros. */
const NAME =
  /\b(?:[0-9a-f]{1,8}:[0-9a-f]{1,2}:[0-9a-f]{1,2}\.[0-7]|[0-9a-f]{4,8}-[0-9a-f]{2}-[0-9a-f]{2}-[0-7])\b/g;

function inText(text: string, party: Party, at: Moment): string {
  return text.replace(NAME, (found) => {
    const name = parseSbdf<AnySbdf>(found.replace(/^(\w+)-(\w+)-(\w+)-(\w)$/, '$1:$2:$3.$4'));
    return name === null ? found : (thing(name, party, at) ?? found);
  });
}

function inRecord(value: RecordValue, at: Moment): RecordValue {
  if (typeof value === 'string') return inText(value, 'dom0', at);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one: RecordValue) => inRecord(one, at));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, inRecord(inner, at)]));
}

/** Arguments with the device they name in place of segment and BDF. */
function call(
  { domid, hypercall, op }: DataOf<'hypercall.issued'>,
  args: RecordObject,
  at: Moment,
): RecordObject {
  if (at.world.domains[domid]?.hardware !== true) return args;
  if (op === 'pci_host_bridge_add') return without(args, ['seg']);
  const name = deviceNamed(hypercall, op, args);
  if (name === null) return args;
  const device = thing(name, 'dom0', at) ?? `?${formatSbdf(name)}`;
  return { ...without(args, ['seg', 'bus', 'devfn', 'pci', 'dev']), device, bdf: bdfOf(name) };
}

function without(args: RecordObject, names: readonly string[]): RecordObject {
  return Object.fromEntries(Object.entries(args).filter(([name]) => !names.includes(name)));
}
