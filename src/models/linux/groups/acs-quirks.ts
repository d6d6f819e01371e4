import type { GroupNode } from './node.js';

/**
 * What Linux' vendor table says of a function's isolation. `null`: the table is silent and the ACS capability decides.
 * @source drivers/pci/quirks.c `pci_dev_acs_enabled`, Linux 6.1.192; facts/dom0 10.4
 */
export function acsQuirk(node: GroupNode): boolean | null {
  if (isolatedEndpoints.has(idOf(node)) || isolatedPorts.has(idOf(node))) return true;
  switch (node.vendor) {
    case vendor.ATI:
    case vendor.AMD:
      return southbridge(node);
    case vendor.INTEL:
      if (node.type === 'rc-endpoint') return true;
      return isRootPort(node) && isPchPort(node.device) ? node.pchPeersOff === true : null;
    case vendor.CAVIUM:
      return isRootPort(node) && isThunderPort(node.device) ? true : null;
    case vendor.ANNAPURNA:
      return isRootPort(node) && node.device === 0x0031 ? true : null;
    case vendor.ZHAOXIN:
      return isRootPort(node) || node.type === 'downstream' ? isZhaoxinPort(node.device) : null;
    case vendor.WANGXUN:
      return isWangxunNic(node.device);
    default:
      return null;
  }
}

/** Whether a port keeps its ACS control register 8 bytes into the capability, as 32 bits: PCH of the 100 series on. */
export function hasWideAcs({
  vendor: of,
  device,
  type,
}: Pick<GroupNode, 'vendor' | 'device' | 'type'>): boolean {
  if (of !== vendor.INTEL || type !== 'root-port') return false;
  return (
    within(device, 0xa110, 0xa11f) ||
    within(device, 0xa167, 0xa16a) ||
    within(device, 0xa290, 0xa29f) ||
    within(device, 0xa2e7, 0xa2ee) ||
    within(device, 0x9d10, 0x9d1b)
  );
}

const vendor = {
  ATI: 0x1002,
  AMD: 0x1022,
  CAVIUM: 0x177d,
  ANNAPURNA: 0x1c36,
  ZHAOXIN: 0x1d17,
  INTEL: 0x8086,
  WANGXUN: 0x8088,
} as const;

const idOf = ({ vendor: of, device }: GroupNode): number => of * 0x1_0000 + device;
const isRootPort = ({ type }: GroupNode): boolean => type === 'root-port';
const within = (device: number, from: number, to: number): boolean => device >= from && device <= to;

const idsOf = (of: number, devices: readonly number[]): readonly number[] =>
  devices.map((device) => of * 0x1_0000 + device);

/** Functions whose vendor has promised that they do not reach their siblings. */
const isolatedEndpoints: ReadonlySet<number> = new Set([
  ...idsOf(0x1924, [0x0903, 0x0923, 0x0a03]),
  ...idsOf(
    vendor.INTEL,
    [
      0x10c6, 0x10db, 0x10dd, 0x10e1, 0x10f1, 0x10f7, 0x10f8, 0x10f9, 0x10fa, 0x10fb, 0x10fc, 0x1507, 0x1514,
      0x151c, 0x1529, 0x152a, 0x154d, 0x154f, 0x1551, 0x1558, 0x1509, 0x150e, 0x150f, 0x1510, 0x1511, 0x1516,
      0x1527, 0x10c9, 0x10e6, 0x10e7, 0x10e8, 0x150a, 0x150d, 0x1518, 0x1526, 0x10a7, 0x10a9, 0x10d6, 0x1521,
      0x1522, 0x1523, 0x1524, 0x105e, 0x105f, 0x1060, 0x10d9, 0x15b7, 0x15b8,
    ],
  ),
  ...idsOf(0x19a2, [0x0710]),
  ...idsOf(0x10df, [0x0720]),
  ...idsOf(vendor.CAVIUM, [0xa026, 0xa059, 0xa060]),
  ...idsOf(0x14e4, [0x16d7, 0x1750, 0x1751, 0x1752, 0x1760, 0x1761, 0x1762, 0x1763]),
  ...idsOf(vendor.ZHAOXIN, [0x3038, 0x3104, 0x9083]),
]);

/** Root ports that act as if they had ACS: Qualcomm, HXT, X-Gene, Ampere, Broadcom, Loongson, NXP LX2. */
const isolatedPorts: ReadonlySet<number> = new Set([
  ...idsOf(0x17cb, [0x0400, 0x0401, 0x0115, 0x0111, 0x0120]),
  ...idsOf(0x1dbf, [0x0401]),
  ...idsOf(0x10e8, [0xe004]),
  ...idsOf(0x1def, [0xe005, 0xe006, 0xe007, 0xe008, 0xe009, 0xe00a, 0xe00b, 0xe00c]),
  ...idsOf(0x14e4, [0xd714]),
  ...idsOf(0x0014, [0x3c09, 0x3c19, 0x3c29, 0x7a09, 0x7a19, 0x7a29, 0x7a39, 0x7a49, 0x7a59, 0x7a69]),
  ...idsOf(
    0x1957,
    [
      0x8d80, 0x8d81, 0x8d82, 0x8d83, 0x8d88, 0x8d89, 0x8d8a, 0x8d8b, 0x8d90, 0x8d91, 0x8d92, 0x8d93, 0x8d98,
      0x8d99, 0x8d9a, 0x8d9b, 0x8da0, 0x8da1, 0x8da8, 0x8da9, 0x8db0, 0x8db1, 0x8db8, 0x8db9,
    ],
  ),
]);

const southbridgeIds: ReadonlySet<number> = new Set([
  ...idsOf(vendor.ATI, [0x4385, 0x439c, 0x4383, 0x439d, 0x4384, 0x4399]),
  ...idsOf(vendor.AMD, [0x780f, 0x7809]),
]);

/**
 * Southbridge functions on the root bus are apart where an IVRS table describes the IOMMU; groups exist only with an
 * IOMMU, and on such a machine that is AMD's. A Dom0 under Xen computes no groups.
 */
const southbridge = (node: GroupNode): boolean | null =>
  southbridgeIds.has(idOf(node)) && node.multifunction && node.above === null ? true : null;

/** Root ports of PCHs before the 100 series: isolated once peer decoding was switched off behind the LPC bridge. */
function isPchPort(device: number): boolean {
  return pchRanges.some(([from, to]) => within(device, from, to)) || pchEven.has(device);
}

const pchRanges = [
  [0x3b42, 0x3b51],
  [0x1c10, 0x1c1f],
  [0x1e10, 0x1e1f],
  [0x8c10, 0x8c1f],
  [0x9c10, 0x9c1b],
  [0x9c90, 0x9c9b],
  [0x8d10, 0x8d1e],
] as const;

const pchEven: ReadonlySet<number> = new Set([
  0x1d10, 0x1d12, 0x1d14, 0x1d16, 0x1d18, 0x1d1a, 0x1d1c, 0x1d1e, 0x8c90, 0x8c92, 0x8c94, 0x8c96, 0x8c98,
  0x8c9a, 0x8c9c, 0x8c9e,
]);

const isThunderPort = (device: number): boolean =>
  within(device, 0xa000, 0xa7ff) || device === 0xaf84 || device === 0xb884;

/** Ports the vendor vouches for; any other one is taken as not isolated, whatever its capability says. */
const isZhaoxinPort = (device: number): boolean =>
  within(device, 0x0710, 0x071e) || device === 0x0721 || within(device, 0x0723, 0x0752);

const isWangxunNic = (device: number): boolean =>
  within(device, 0x0100, 0x010f) ||
  [0x1001, 0x2001, 0x5010, 0x5025, 0x5040, 0x5110, 0x5125, 0x5140].includes(device);
