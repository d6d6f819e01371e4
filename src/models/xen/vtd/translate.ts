import type { DomainId } from '../../../base/brand.js';
import { bridgeOf, type FunctionId } from '../../../pci/function-id.js';
import { sbdf, type XenSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { readConfig } from '../../hardware/config-space.js';
import { requesterOf } from '../../hardware/requester.js';
import { STOPPED } from '../../hardware/smmu/translate.js';
import { hardwareDomain, isHvm } from '../domains.js';
import { regionsOf } from '../reserved-regions.js';
import { hardwareDomainReach } from './contexts.js';
import { type FaultReason, fault } from './fault.js';
import { pieceAt } from './holder.js';
import { hasVtd } from './in-use.js';

const PAGE = 4096;
const BUS_MASTER = 1 << 2;

/** A request as it leaves its function. */
export interface Request {
  readonly fn: FunctionId;
  readonly requester: XenSbdf;
  readonly address: number;
  readonly dir: 'read' | 'write';
}

/** Where a request went, and whose page table sent it there; null: none did. */
export interface Passed {
  readonly target: number;
  readonly domid: DomainId | null;
}

/**
 * One request of a function through VT-d: the context entry of its requester id, then that domain's page table. Without
 * VT-d it ends at the address it names. A function whose bus mastering is off sends nothing.
 *
 * @returns `target` is `STOPPED` where a fault or nothing at all came of it.
 * @source xen/drivers/passthrough/vtd/iommu.c at c447b73; facts/xen 10.4
 */
export function passVtd(context: Context, { fn, requester, address, dir }: Request): Passed {
  if ((readConfig(context, fn, 0x04, 2) & BUS_MASTER) === 0)
    return discard(context, fn, requester, 'bus-master-off');
  if (!hasVtd(context)) return { target: address, domid: null };
  const { contexts, buses } = context.state.vtd;
  const entry = contexts[requester];
  const stop = (reason: FaultReason, domid: DomainId | null): Passed => {
    fault(context, { fn, requester, domid, address, dir, reason });
    return { target: STOPPED, domid };
  };
  if (entry === undefined) {
    return stop(buses[Math.floor(requester / 256)] === undefined ? 'no-root' : 'no-context', null);
  }
  const refused: FaultReason = dir === 'write' ? 'not-writable' : 'not-readable';
  switch (entry.root) {
    case 'pass-through':
      return { target: address, domid: null };
    case 'scratch-page':
      return discard(context, fn, requester, 'scratch-page');
    case 'quarantine': {
      const isKept = regionsOf(context, requester).some(({ base, end }) => address >= base && address <= end);
      return isKept ? { target: address, domid: null } : stop(refused, null);
    }
    case 'domain': {
      const domid = (entry.domid ?? 0) as DomainId;
      const target = walk(context, domid, address, dir === 'write');
      return target === STOPPED ? stop(refused, domid) : { target, domid };
    }
  }
}

/** The requester id of a function's requests, in firmware's numbering, which is Xen's. */
export function requesterNamed(context: Pick<Context, 'state' | 'env'>, fn: FunctionId): XenSbdf {
  const bridge = bridgeOf(fn);
  return sbdf<XenSbdf>(context.env.platform.bridges[bridge]?.pciDomain ?? bridge, requesterOf(context, fn));
}

function discard(
  context: Context,
  fn: FunctionId,
  requester: XenSbdf,
  why: 'bus-master-off' | 'scratch-page',
): Passed {
  context.emit('hw', 'dma.discarded', { function: fn, requester, why });
  return { target: STOPPED, domid: null };
}

/**
 * A domain's page table. Domains that see machine addresses have their writable memory at its own address, page tables
 * left out; translated ones what `stage2.populated` and `memory_mapping` gave them. Reserved regions are one to one.
 * A relaxed hardware domain has all memory but Xen's, given to somebody or not, and no registers of devices.
 * @source xen/arch/x86/mm.c (get_page_type), xen/drivers/passthrough/x86/iommu.c (arch_iommu_hwdom_init)
 */
function walk(context: Context, domid: DomainId, address: number, write: boolean): number {
  const { memory, physmap, iommu } = context.state;
  const regions = physmap[domid]?.regions ?? [];
  if (regions.some(({ base, end }) => address >= base && address <= end)) return address;
  if (isHvm(context, domid)) {
    const mapping = physmap[domid]?.mmio.find(
      ({ gfn, count }) => address >= gfn * PAGE && address < (gfn + count) * PAGE,
    );
    if (mapping !== undefined) return address + (mapping.mfn - mapping.gfn) * PAGE;
    const range = pieceAt(iommu.stage2[domid], address);
    if (range === undefined || (write && !range.writable)) return STOPPED;
    return range.target + (address - range.address);
  }
  const given = pieceAt(memory, address);
  const isRelaxed = domid === hardwareDomain(context) && hardwareDomainReach(context, domid) === 'relaxed';
  if (isRelaxed) return given?.owner === null || isRegister(context, address) ? STOPPED : address;
  const isOwn = given?.owner === domid && given.use === 'ram';
  return isOwn || isGranted(context, domid, Math.floor(address / PAGE), write) ? address : STOPPED;
}

/**
 * Whether the domain has mapped the frame by a grant of another one: Xen then adds it to the domain's page table, for
 * writing where one of the mappings is.
 * @source xen/common/grant_table.c (gnttab_need_iommu_mapping) at c447b73
 */
function isGranted({ state }: Context, domid: DomainId, frame: number, write: boolean): boolean {
  return Object.values(state.gnttab[domid]?.mappings ?? {}).some(
    (one) => one.frame === frame && one.from !== domid && !(write && one.readonly),
  );
}

/** Whether an address is one of a host bridge's windows: registers of devices, no memory. */
const isRegister = (context: Context, address: number): boolean =>
  context.env.platform.bridges.some(({ windows, cfgBase, cfgSizeBytes }) =>
    [
      ...windows.map((one) => [one.cpuAddress ?? -1, one.sizeBytes] as const),
      [cfgBase, cfgSizeBytes] as const,
    ].some(([start, size]) => start >= 0 && address >= start && address < start + size),
  ) ||
  (address >= 0xfec0_0000 && address < 0x1_0000_0000);
