import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { hex } from '../../base/hex.js';
import type { MmioMapping } from '../../state/physmap.js';
import type { Context } from '../context.js';
import { crashDomain } from './ioreq/guest.js';

/** Frames of a 2 MiB page and its order; Xen maps registers with pages of that size or of 4 KiB. */
const LARGE = 512;
const LARGE_ORDER = 9;
/** `p2m_mmio_direct` and `p2m_access_rwx`, the numbers Xen prints. @source xen/arch/x86/include/asm/p2m.h at RELEASE-4.22.0 */
const MMIO_DIRECT = 5;
const ACCESS_RWX = 7;

/**
 * `map_mmio_regions` of a translated x86 domain. A guest frame that shows other machine frames already is not given new
 * ones: Xen crashes the domain. What was mapped before it stays, and the answer says how much that is.
 *
 * @returns 0, a negative errno when the first frame is refused, or the frames mapped before the refused one.
 * @source xen/arch/x86/mm/p2m.c (map_mmio_regions, set_typed_p2m_entry) at RELEASE-4.17.0, RELEASE-4.22.0
 * @cost O(mappings of the domain)
 */
export function mapFrames(
  context: Context,
  domid: DomainId,
  gfn: number,
  mfn: number,
  count: number,
): number {
  const clash = firstClash(context.state.physmap[domid]?.mmio ?? [], gfn, mfn, count);
  const mapped = clash === null ? count : clash.frame - gfn;
  if (mapped > 0)
    context.emit('xen', 'mmio.mapped', {
      domid,
      gfn: gfn as PhysicalAddress,
      mfn: mfn as PhysicalAddress,
      count: mapped,
      mapped: true,
    });
  if (clash === null) return 0;
  const { frame, old } = clash;
  const oldOrder = orderAt(old, frame);
  const order = Math.min(oldOrder, orderAt({ gfn, mfn, count }, frame));
  const entry = (at: number, of: number): string => `(${hex(at)},${of},${MMIO_DIRECT},${ACCESS_RWX})`;
  const text = `d${domid}: GFN ${hex(frame)} ${entry(old.mfn + frame - old.gfn, oldOrder)} -> ${entry(mfn + mapped, order)} not permitted`;
  context.emit('xen', 'xen.logged', { level: 'error', text });
  crashDomain(context, domid, text);
  return mapped > 0 ? mapped : -errno.EPERM;
}

/** The lowest guest frame of a new mapping that shows another machine frame already. */
function firstClash(
  held: readonly Readonly<MmioMapping>[],
  gfn: number,
  mfn: number,
  count: number,
): { readonly frame: number; readonly old: Readonly<MmioMapping> } | null {
  let first: { readonly frame: number; readonly old: Readonly<MmioMapping> } | null = null;
  for (const old of held) {
    const frame = Math.max(gfn, old.gfn);
    const overlaps = frame < Math.min(gfn + count, old.gfn + old.count);
    const isSame = old.mfn - old.gfn === mfn - gfn;
    if (overlaps && !isSame && (first === null || frame < first.frame)) first = { frame, old };
  }
  return first;
}

/** `mmio_order`: a large page where both sides are aligned for it and the mapping covers it whole. */
function orderAt({ gfn, mfn, count }: MmioMapping, frame: number): number {
  const start = frame - (frame % LARGE);
  const isAligned = (mfn - gfn) % LARGE === 0;
  return isAligned && start >= gfn && start + LARGE <= gfn + count ? LARGE_ORDER : 0;
}
