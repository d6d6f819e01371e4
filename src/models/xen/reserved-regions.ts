import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import { errno } from '../../base/errno.js';
import { bdfOf, formatSbdf, segmentOf, type XenSbdf } from '../../pci/sbdf.js';
import type { ReservedRegion } from '../../platform/platform.js';
import type { Context } from '../context.js';
import { hardwareDomain, isHvm } from './domains.js';
import { x86Facts } from './x86.js';

/** Nothing in the way, or the errno the assignment ends with. */
type Refusal = number;

/**
 * What VT-d asks before it moves a device: a region that several devices share may be given away only under the
 * relaxed flag, quarantine included; then every region of the device is mapped one to one for its new owner.
 * dom_io gets no mapping, the hardware domain has had its own since boot.
 * @source xen/drivers/passthrough/vtd/iommu.c (intel_iommu_assign_device), facts/xen 7.2
 */
export function takeRegions(context: Context, name: XenSbdf, to: DomainId, relaxed: boolean): Refusal {
  const mine = regionsOf(context, name);
  for (const region of mine) {
    if (region.devices.length <= 1) continue;
    const text = `[VT-D] It's ${relaxed ? 'risky' : 'disallowed'} to assign ${formatSbdf(name)} with shared RMRR at ${region.base.toString(16)} for ${domainText(to)}.`;
    context.emit('xen', 'xen.logged', { level: relaxed ? 'warning' : 'error', text });
    if (!relaxed) return -errno.EPERM;
  }
  if (to === domids.IO) return 0;
  for (const region of mine) {
    const ret = mapRegion(context, to, region, relaxed);
    if (ret === 0) continue;
    const range = `[${region.base.toString(16)},${region.end.toString(16)}]`;
    const text = `[VT-D] ${domainText(to)}: cannot map reserved region ${range}: ${ret}`;
    context.emit('xen', 'xen.logged', { level: 'error', text });
    return ret;
  }
  return 0;
}

/** The former owner loses the mappings of a device that has left it; the hardware domain keeps its own. */
export function leaveRegions(context: Context, name: XenSbdf, from: DomainId | null): void {
  if (from === null || from === hardwareDomain(context)) return;
  for (const region of regionsOf(context, name)) {
    const held = mapped(context, from, region);
    if (held !== undefined) record(context, from, region, held.count - 1);
  }
}

/** At boot the hardware domain gets every region, once for each device. @source vtd/iommu.c (setup_hwdom_rmrr) */
export function mapRegionsAtBoot(context: Context, hardware: DomainId): void {
  if (context.env.policies.iommu !== 'on') return;
  for (const region of newestFirst(context))
    for (const _ of region.devices) mapRegion(context, hardware, region, false);
}

/** Xen keeps them in a list that grows at its head. @source vtd/dmar.c (acpi_register_rmrr_unit) */
const newestFirst = (context: Context): readonly ReservedRegion[] =>
  x86Facts(context.env).reservedRegions?.toReversed() ?? [];

/** The regions firmware keeps for a device, the last of its table first. */
export const regionsOf = (context: Context, name: XenSbdf): readonly ReservedRegion[] =>
  context.env.platform.arch === 'x86_64'
    ? newestFirst(context).filter(
        ({ segment, devices }) => segment === segmentOf(name) && devices.includes(bdfOf(name)),
      )
    : [];

const mapped = (context: Context, domid: DomainId, region: ReservedRegion) =>
  context.state.physmap[domid]?.regions?.find(({ base, end }) => base === region.base && end === region.end);

/** `iommu_identity_mapping`: counted per device; another region in the way is -EADDRINUSE. */
function mapRegion(context: Context, domid: DomainId, region: ReservedRegion, relaxed: boolean): Refusal {
  const held = mapped(context, domid, region);
  if (held === undefined) {
    const regions = context.state.physmap[domid]?.regions ?? [];
    if (regions.some(({ base, end }) => region.end >= base && end >= region.base)) return -errno.EADDRINUSE;
    const taken = takenFrame(context, domid, region);
    if (taken !== null) {
      const text = `Cannot setup identity map d${domid}:${taken.gfn.toString(16)}, gfn already mapped to ${taken.mfn.toString(16)}.`;
      context.emit('xen', 'xen.logged', { level: 'warning', text });
      if (!relaxed) return -errno.EBUSY;
    }
  }
  record(context, domid, region, (held?.count ?? 0) + 1);
  return 0;
}

/** The first frame of a region at which a translated guest has something else. @source p2m.c (p2m_add_identity_entry) */
function takenFrame(
  context: Context,
  domid: DomainId,
  { base, end }: ReservedRegion,
): { readonly gfn: number; readonly mfn: number } | null {
  if (!isHvm(context, domid)) return null;
  for (const memory of context.state.iommu.stage2[domid] ?? []) {
    const first = Math.max(base, memory.address);
    if (first > end || first >= memory.address + memory.sizeBytes) continue;
    const target = memory.target + (first - memory.address);
    return { gfn: Math.floor(first / 4096), mfn: Math.floor(target / 4096) };
  }
  return null;
}

function record(context: Context, domid: DomainId, { base, end }: ReservedRegion, count: number): void {
  context.emit('xen', 'region.mapped', {
    domid,
    base: base as PhysicalAddress,
    end: end as PhysicalAddress,
    count,
  });
}

const domainText = (domid: DomainId): string => (domid === domids.IO ? 'd[IO]' : `d${domid}`);
