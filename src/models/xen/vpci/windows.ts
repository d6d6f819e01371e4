import type { CfgBase, DomainId, PhysicalAddress } from '../../../base/brand.js';
import { errno } from '../../../base/errno.js';
import { bdfOf, type CallerSbdf, sbdf, type XenSbdf } from '../../../pci/sbdf.js';
import type { VpciWindow } from '../../../state/vpci.js';
import type { Context } from '../../context.js';
import { hasVpci } from './owner.js';

const BUS_BYTES = 0x10_0000;
/** The ECAM window every ARM guest with a passed-through device is told of. @source facts/xen 5.10 */
export const GUEST_ECAM = { base: 0x1000_0000, sizeBytes: 0x1000_0000 } as const;

/** What a trapped address means: a register of a function, in the numbering of the window. */
export interface Trapped {
  readonly sbdf: XenSbdf;
  readonly reg: number;
  /** The guest's own bridge: the name is one of the guest's. */
  readonly isGuestBus: boolean;
}

/** Windows firmware described, trapped since boot, and those registered since. @source facts/xen 5.9 */
export function trappedWindows({ env, state }: Pick<Context, 'env' | 'state'>): VpciWindow[] {
  const { arch, bridges } = env.platform;
  const own =
    arch === 'x86_64'
      ? bridges.map((bridge, index) => ({ bridge, segment: bridge.pciDomain ?? index }))
      : state.xen.bridges.map(({ cfgBase, segment }) => ({
          bridge: bridges.find((candidate) => candidate.cfgBase === cfgBase),
          segment,
        }));
  const known = own.flatMap(({ bridge, segment }) =>
    bridge === undefined || segment === null || (bridge.access !== 'mmcfg' && bridge.access !== 'ecam')
      ? []
      : [windowAt(bridge.cfgBase, segment, bridge.busStart, bridge.busEnd)],
  );
  return [...known, ...state.vpci.windows];
}

const windowAt = (
  address: CfgBase | number,
  segment: number,
  busStart: number,
  busEnd: number,
): VpciWindow => ({
  address,
  sizeBytes: (busEnd - busStart + 1) * BUS_BYTES,
  segment,
  busStart,
});

/**
 * `register_vpci_mmcfg_handler`: -EINVAL for buses the wrong way round, 0 for a window that is there already, -EEXIST
 * for any other overlap. @param address Where bus 0 of the segment would be. @source facts/xen 5.9
 */
export function registerWindow(
  context: Context,
  address: number,
  segment: number,
  busStart: number,
  busEnd: number,
): number {
  if (busStart > busEnd) return -errno.EINVAL;
  const wanted = windowAt(address + busStart * BUS_BYTES, segment, busStart, busEnd);
  for (const window of trappedWindows(context)) {
    const isSame =
      window.address === wanted.address &&
      window.sizeBytes === wanted.sizeBytes &&
      window.segment === segment &&
      window.busStart === busStart;
    if (isSame) return 0;
    const overlap =
      wanted.address < window.address + window.sizeBytes &&
      window.address < wanted.address + wanted.sizeBytes;
    if (overlap) return -errno.EEXIST;
  }
  context.emit('xen', 'vpci.trapped', { ...wanted, address: wanted.address as PhysicalAddress });
  return 0;
}

/** The function and register behind a trapped address of a domain; null when the address is in no window of its. */
export function trapOf(
  context: Pick<Context, 'env' | 'state'>,
  domid: DomainId,
  address: number,
): Trapped | null {
  if (!hasVpci(context, domid)) return null;
  if (context.state.domains[domid]?.hardware !== true) {
    const offset = address - GUEST_ECAM.base;
    return offset < 0 || offset >= GUEST_ECAM.sizeBytes
      ? null
      : { sbdf: sbdf<XenSbdf>(0, offset >>> 12), reg: offset & 0xfff, isGuestBus: true };
  }
  for (const { address: base, sizeBytes, segment, busStart } of trappedWindows(context)) {
    const offset = address - base;
    if (offset < 0 || offset >= sizeBytes) continue;
    const bdf = (Math.floor(offset / 0x1000) + (busStart << 8)) & 0xffff;
    return { sbdf: sbdf<XenSbdf>(segment, bdf), reg: offset % 0x1000, isGuestBus: false };
  }
  return null;
}

/**
 * The name in the trap's numbering of what a requester calls `name`. An ARM hardware domain has numbers of its own, but
 * it reaches a window by address, so its bridge decides, not its number. Null when no window holds the bus.
 */
export function trappedName(
  context: Pick<Context, 'env' | 'state'>,
  domid: DomainId,
  name: CallerSbdf,
): Trapped | null {
  const segment = Math.floor(name / 0x1_0000);
  const bus = (name >>> 8) & 0xff;
  const { env, state } = context;
  if (state.domains[domid]?.hardware !== true) {
    return segment === 0 ? { sbdf: name as number as XenSbdf, reg: 0, isGuestBus: true } : null;
  }
  const windows = trappedWindows(context);
  const holds = ({ busStart, sizeBytes }: VpciWindow): boolean =>
    bus >= busStart && bus < busStart + sizeBytes / BUS_BYTES;
  if (env.platform.arch === 'x86_64') {
    const found = windows.some((window) => window.segment === segment && holds(window));
    return found ? { sbdf: name as number as XenSbdf, reg: 0, isGuestBus: false } : null;
  }
  for (const bridge of state.dom0.bridges) {
    if (bridge.segment !== segment) continue;
    const window = windows.find(({ address }) => address === bridge.cfgBase);
    if (window !== undefined && holds(window))
      return { sbdf: sbdf<XenSbdf>(window.segment, bdfOf(name)), reg: 0, isGuestBus: false };
  }
  return null;
}
