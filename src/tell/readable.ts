import { reservedName } from '../base/domid.js';
import { hex, parseInteger } from '../base/hex.js';
import { isKindName, kindOf } from '../events/catalogue.js';
import type { NumberMeaning } from '../events/field.js';
import { formatSbdf } from '../pci/sbdf.js';
import type { Json } from './present.js';

/** Names of domain ids in the arguments and results of hypercalls. @source facts/xen 2, 4.2, 7.1 */
const ARGUMENTS: ReadonlySet<string> = new Set([
  'dom',
  'domain',
  'domid',
  'foreign_domid',
  'remote_dom',
  'target',
]);

type Data = Readonly<Record<string, Json>>;

/**
 * The fields of an event as lines for people have them, where JSON has plain numbers: reserved domain ids by name,
 * register offsets in hex, ends of a range of functions by SBDF.
 */
export function readable(kind: string, data: Data): Data {
  const fields = isKindName(kind) ? kindOf(kind).fields : {};
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => {
      const type = fields[name]?.type;
      if (type?.is === 'record') return [name, inRecord('', value)];
      return [name, type?.is === 'uint' && type.of !== undefined ? meant(type.of, value, data) : value];
    }),
  );
}

function meant(of: NumberMeaning, value: Json, data: Data): Json {
  switch (of.is) {
    case 'domid':
      return typeof value === 'number' ? (reservedName(value) ?? value) : value;
    case 'register':
      return typeof value === 'number' ? hex(value) : value;
    case 'guest-name-if-pci': {
      const place = data['type'] === 'pci' && typeof value === 'string' ? parseInteger(value) : null;
      return place === null ? value : formatSbdf(place);
    }
    case 'place':
    case 'segment':
      return value;
  }
}

function inRecord(name: string, value: Json): Json {
  if (typeof value === 'number') return ARGUMENTS.has(name) ? (reservedName(value) ?? value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one: Json) => inRecord(name, one));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inRecord(key, inner)]));
}
