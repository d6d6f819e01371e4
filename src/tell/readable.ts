import { hex, parseInteger } from '../base/hex.js';
import { isKindName, kindOf } from '../events/catalogue.js';
import { formatSbdf } from '../pci/sbdf.js';
import type { Json } from './present.js';

/** Domain ids that stand for something else than a guest. @source facts/xen 1.4 (xen/include/public/xen.h) */
const RESERVED: Readonly<Record<number, string>> = {
  32752: 'DOMID_SELF',
  32753: 'DOMID_IO',
  32754: 'DOMID_XEN',
  32755: 'DOMID_COW',
  32756: 'DOMID_INVALID',
  32757: 'DOMID_ANY',
  32767: 'DOMID_IDLE',
};

/** Names of domain ids in the arguments and results of hypercalls. @source facts/xen 2, 4.2, 7.1 */
const ARGUMENTS: ReadonlySet<string> = new Set([
  'dom',
  'domain',
  'domid',
  'foreign_domid',
  'remote_dom',
  'target',
]);

/**
 * The fields of an event as lines for people have them, where JSON has plain numbers: reserved domain ids by name,
 * register offsets in hex, ends of a range of functions by SBDF.
 */
export function readable(kind: string, data: Readonly<Record<string, Json>>): Readonly<Record<string, Json>> {
  const fields = isKindName(kind) ? kindOf(kind).fields : {};
  const isPciRange = (kind === 'range.mapped' || kind === 'range.unmapped') && data['type'] === 'pci';
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => {
      const type = fields[name]?.type;
      if (type?.is === 'record') return [name, inRecord('', value)];
      if (type?.is !== 'uint') return [name, value];
      if (typeof value === 'number') {
        if (type.domid === true) return [name, RESERVED[value] ?? value];
        return [name, name === 'reg' ? hex(value) : value];
      }
      const place = isPciRange && typeof value === 'string' ? parseInteger(value) : null;
      return [name, place === null ? value : formatSbdf(place)];
    }),
  );
}

function inRecord(name: string, value: Json): Json {
  if (typeof value === 'number') return ARGUMENTS.has(name) ? (RESERVED[value] ?? value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one: Json) => inRecord(name, one));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, inRecord(key, inner)]));
}
