import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import type { DataOf } from '../../events/catalogue.js';
import type { Context, Decider } from '../context.js';
import { decoderOf } from '../hardware/bars.js';
import { isHvm } from '../xen/domains.js';
import { isPermitted } from '../xen/permissions.js';
import { portParts } from '../xen/pv/ports.js';
import { isReadOnly } from '../xen/pv/read-only.js';

type Touch = DataOf<'registers.touched'>;
type Through = DataOf<'registers.reached'>['through'];
type Why = DataOf<'registers.refused'>['why'];
/** A way to the hardware, or why there is none. */
type Way = { readonly through: Through } | { readonly why: Why };

const PAGE = 4096;

/**
 * An access of a domain to registers or ports. Nobody checks permissions when memory is accessed: a mapping leads there
 * or not. Ports of a PV domain are checked at every access, for Xen carries it out.
 * @source facts/xen 7.1; xen/arch/x86/pv/emul-priv-op.c, ro-page-fault.c, hvm/io.c (g2m_portio_accept) at c447b73
 */
export const decideTouch: Decider<'registers.touched'> = (context, { data }) => {
  if (data.space === 'memory') return end(context, data, wayToMemory(context, data));
  if (isTranslated(context, data.domid)) return end(context, data, wayToPort(context, data));
  for (const part of portParts(context, data.domid, data.address, data.size)) {
    const way: Way = part.why === null ? { through: 'xen' } : { why: part.why };
    end(context, { ...data, address: part.port as PhysicalAddress, size: part.size }, way);
  }
};

function end(context: Context, { domid, space, address, size, dir }: Touch, way: Way): void {
  const access = { domid, space, address, size, dir };
  if ('why' in way) {
    context.emit('xen', 'registers.refused', { ...access, why: way.why });
    return;
  }
  const decoded = decoderOf(context, space, address);
  context.emit('hw', 'registers.reached', {
    ...access,
    through: way.through,
    function: decoded?.function ?? null,
    bar: decoded?.bar ?? null,
    offset: decoded === null ? null : (decoded.offset as PhysicalAddress),
  });
}

/** The page tables of a PV domain; the second stage of others, which Xen makes read-only where the frame is. */
function wayToMemory(context: Context, { domid, address, dir }: Touch): Way {
  const frame = Math.floor(address / PAGE);
  if (isTranslated(context, domid)) {
    if (!isInSecondStage(context, domid, frame)) return { why: 'not-mapped' };
    return dir === 'write' && isReadOnly(context, frame) ? { why: 'read-only' } : { through: 'p2m' };
  }
  const entries = Object.values(context.state.pageTables[domid] ?? {}).filter((one) => one.frame === frame);
  if (entries.length === 0) return { why: 'not-mapped' };
  if (dir === 'read' || entries.some(({ writable }) => writable)) return { through: 'page-table' };
  return { why: 'read-only' };
}

/** A translated hardware domain sees its devices where they are, as far as it may use them. */
function isInSecondStage(context: Context, domid: DomainId, frame: number): boolean {
  if (context.state.domains[domid]?.hardware === true) return isPermitted(context, domid, 'iomem', frame);
  const mapped = context.state.physmap[domid]?.mmio ?? [];
  return mapped.some(({ mfn, count }) => frame >= mfn && frame < mfn + count);
}

function wayToPort(context: Context, { domid, address, size }: Touch): Way {
  const last = address + size - 1;
  const isOpen =
    context.state.domains[domid]?.hardware === true
      ? isPermitted(context, domid, 'ioport', address, last)
      : (context.state.physmap[domid]?.ports ?? []).some(
          ({ mport, count }) => address >= mport && last < mport + count,
        );
  return isOpen ? { through: 'p2m' } : { why: 'not-mapped' };
}

const isTranslated = (context: Context, domid: DomainId): boolean =>
  context.env.platform.arch === 'arm64' || isHvm(context, domid);
