import {
  bytes,
  flag,
  list,
  type Misfit,
  map,
  misfitOf,
  number,
  oneOf,
  optional,
  orNull,
  pair,
  type Says,
  text,
} from '../base/schema.js';
import { bridgeOf } from '../pci/function-id.js';
import type { Platform } from './platform.js';

/**
 * Why a value is no platform; null when it is one. Headers come from files: models index, count and walk what stands
 * here, so its shape is checked once, before any of them sees it.
 */
export function platformMisfit(value: unknown): Misfit | null {
  return misfitOf(platformSchema, value, 'platform') ?? relationMisfit(value as Platform);
}

const idMapEntry = map({
  idBase: number(),
  target: orNull(text),
  outBase: number(),
  length: number(),
});

const idMap = map({ lengthBytes: number(), mask: number(0xffff_ffff), entries: list(idMapEntry) });

const window = map({
  space: oneOf('config', 'io', 'mem32', 'mem64'),
  prefetchable: flag,
  pciAddress: number(),
  cpuAddress: orNull(number()),
  sizeBytes: number(),
});

const registers = map({ name: orNull(text), base: orNull(number()), sizeBytes: number() });

const bridge = map({
  node: text,
  compatible: list(text),
  access: oneOf('ecam', 'cam', 'nwl', 'xgene', 'designware', 'mmcfg', 'cf8', 'other'),
  cfgBase: number(),
  cfgSizeBytes: number(),
  registers: list(registers),
  busStart: number(),
  busEnd: number(),
  available: flag,
  xenPassthrough: flag,
  isPciNode: flag,
  pciDomain: orNull(number(0xffff)),
  iommuMap: orNull(idMap),
  msiMap: orNull(idMap),
  msiParents: list(text),
  windows: list(window),
});

/** Configuration space of a conventional or of an express function; no bytes where none is known. */
const image = bytes(0, 256, 4096);

const device = map({
  function: number(),
  name: text,
  config: image,
  known: optional(image),
  writeMask: orNull(image),
  clearMask: orNull(image),
  present: flag,
  behind: optional(number()),
});

const smmu = map({
  node: text,
  model: oneOf('smmuv2', 'smmuv3'),
  base: number(),
  streamIdBits: number(32),
  twoLevel: flag,
});

const msiController = map({
  node: text,
  model: oneOf('its', 'gicv2m', 'nwl', 'xgene', 'axi'),
  base: number(),
  doorbell: number(),
  deviceIdBits: number(32),
  eventIdBits: number(32),
  spiBase: number(),
  spiCount: number(),
  iidr: optional(number()),
});

const ioApic = map({
  id: number(),
  version: number(),
  address: number(),
  gsiBase: number(),
  pins: number(256),
});

const reserved = map({
  segment: number(),
  base: number(),
  end: number(),
  devices: list(number(0xffff)),
});

const iommuUnit = map({
  model: oneOf('vt-d', 'amd-vi'),
  segment: number(),
  base: number(),
  includesAll: flag,
  devices: list(number(0xffff)),
});

const x86 = map({
  ioapics: list(ioApic),
  nrIrqs: number(1 << 20),
  hardwareDomainPirqs: number(1 << 20),
  extraGuestIrqs: number(1 << 20),
  interruptRemapping: flag,
  msi: flag,
  ownIrqs: list(number()),
  ownPorts: list(pair(number(0xffff))),
  addressBits: number(64),
  reservedRegions: optional(list(reserved)),
  iommuUnits: optional(list(iommuUnit)),
});

/** As JSON Schema; `Platform` says the same with brands, which is checked below. */
export const platformSchema = map({
  name: text,
  arch: oneOf('arm64', 'x86_64'),
  bridges: list(bridge),
  functions: list(device),
  smmus: list(smmu),
  msiControllers: list(msiController),
  x86: optional(x86),
});

/** Fails to compile where schema and type differ. */
const saysTheSame: Says<typeof platformSchema, Platform> = true;
void saysTheSame;

/** Functions are behind bridges that are there, and behind one another without going round. */
function relationMisfit({ bridges, functions }: Platform): Misfit | null {
  const behind = new Map(functions.map((one) => [one.function, one.behind]));
  for (const [i, one] of functions.entries()) {
    const path = `platform.functions[${i}]`;
    if (bridgeOf(one.function) >= bridges.length)
      return { path: `${path}.function`, expected: 'a bridge of the platform' };
    let next = one.behind;
    for (let steps = 0; next !== undefined; steps++) {
      if (steps > behind.size) return { path: `${path}.behind`, expected: 'an end: it is behind itself' };
      next = behind.get(next);
    }
  }
  return null;
}
