import { bdf, type Dom0Sbdf, sbdf } from '../../pci/sbdf.js';

/** A PCI_SPEC_STRING, read. @source facts/dom0 8.1 */
export interface PciSpec {
  /** Null when the device is given by name. */
  readonly device: Dom0Sbdf | null;
  readonly name: string | null;
  /** `.*`: every function of the slot. */
  readonly allFunctions: boolean;
  /** `vslot << 3`; 0 means automatic. */
  readonly vdevfn: number;
  readonly permissive: boolean;
  readonly msitranslate: boolean;
  readonly seize: boolean;
  readonly powerMgmt: boolean;
  readonly rdmPolicy: 'strict' | 'relaxed' | null;
}

export type SpecResult = { readonly spec: PciSpec } | { readonly error: string };

/** Defaults of the configuration file: `pci_msitranslate` and its kind. */
export type SpecDefaults = Partial<
  Pick<PciSpec, 'permissive' | 'msitranslate' | 'seize' | 'powerMgmt' | 'rdmPolicy'>
>;

/** No device and every option off. */
export const emptySpec: PciSpec = {
  device: null,
  name: null,
  allFunctions: false,
  vdevfn: 0,
  permissive: false,
  msitranslate: false,
  seize: false,
  powerMgmt: false,
  rdmPolicy: null,
};

/**
 * Reads `bdf[@vslot][,key=value]…`; when the text does not begin with a BDF all of it is a list of keys. Exactly one of
 * BDF and name must come out. Booleans go through atoi: `yes` is 0.
 */
export function parseSpec(text: string, defaults: SpecDefaults = {}): SpecResult {
  const base = { ...emptySpec, ...defaults };
  const positional = parsePositional(text, base);
  const result = positional ?? parseKeys(text, base);
  if ('error' in result) return result;
  const { device, name } = result.spec;
  if ((device === null) === (name === null)) return { error: 'exactly one of bdf and name is needed' };
  return result;
}

/** The part before the first comma as a BDF; null when it is none. */
function parsePositional(text: string, base: PciSpec): SpecResult | null {
  const match = /^([0-9a-f:]+)\.([0-7]|\*)(?:@([0-9a-f]+))?(?:,(.*))?$/is.exec(text);
  if (match === null) return null;
  const device = parseBdf(match[1]!, match[2]!);
  if (device === null) return null;
  const vslot = match[3] === undefined ? 0 : Number.parseInt(match[3], 16);
  if (vslot > 0x1f) return { error: 'vslot is 0 to 1f' };
  const spec = { ...base, device, allFunctions: match[2] === '*', vdevfn: vslot << 3 };
  return match[4] === undefined || match[4] === '' ? { spec } : parseKeys(match[4], spec);
}

function parseBdf(head: string, fn: string): Dom0Sbdf | null {
  const parts = head.split(':').map((part) => (part === '' ? Number.NaN : Number.parseInt(part, 16)));
  if (parts.length < 2 || parts.length > 3 || parts.some(Number.isNaN)) return null;
  const [segment, bus, dev] = (parts.length === 3 ? parts : [0, ...parts]) as [number, number, number];
  if (segment > 0xffff || bus > 0xff || dev > 0x1f) return null;
  return sbdf<Dom0Sbdf>(segment, bdf(bus, dev, fn === '*' ? 0 : Number(fn)));
}

function parseKeys(text: string, base: PciSpec): SpecResult {
  let spec = base;
  for (const part of text.split(',')) {
    if (part === '') continue;
    const at = part.indexOf('=');
    if (at < 0) return { error: `no value for ${part}` };
    const next = applyKey(spec, part.slice(0, at), part.slice(at + 1));
    if ('error' in next) return next;
    spec = next.spec;
  }
  return { spec };
}

function applyKey(spec: PciSpec, key: string, value: string): SpecResult {
  const flag = Number.parseInt(value, 10) > 0 || Number.parseInt(value, 10) < 0;
  switch (key) {
    case 'bdf': {
      const match = /^([0-9a-f:]+)\.([0-7]|\*)$/i.exec(value);
      const device = match === null ? null : parseBdf(match[1]!, match[2]!);
      if (device === null) return { error: `malformed BDF ${value}` };
      return { spec: { ...spec, device, allFunctions: match![2] === '*' } };
    }
    case 'vslot': {
      const vslot = /^[0-9a-f]+$/i.test(value) ? Number.parseInt(value, 16) : Number.NaN;
      return vslot <= 0x1f ? { spec: { ...spec, vdevfn: vslot << 3 } } : { error: 'vslot is 0 to 1f' };
    }
    case 'permissive':
      return { spec: { ...spec, permissive: flag } };
    case 'msitranslate':
      return { spec: { ...spec, msitranslate: flag } };
    case 'seize':
      return { spec: { ...spec, seize: flag } };
    case 'power_mgmt':
      return { spec: { ...spec, powerMgmt: flag } };
    case 'rdm_policy':
      if (value !== 'strict' && value !== 'relaxed') return { error: `Unknown RDM policy: ${value}` };
      return { spec: { ...spec, rdmPolicy: value } };
    case 'name':
      return { spec: { ...spec, name: value } };
    default:
      return { error: `Unknown PCI_SPEC_STRING option: ${key}` };
  }
}
