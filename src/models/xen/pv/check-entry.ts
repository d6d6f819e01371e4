import type { DomainId } from '../../../base/brand.js';
import { domids } from '../../../base/domid.js';
import { errno } from '../../../base/errno.js';
import { hex } from '../../../base/hex.js';
import type { Context } from '../../context.js';

import { isPermitted } from '../permissions.js';
import { holderOf } from '../vtd/holder.js';
import { CACHE_ATTRIBUTES, type Entry, flag, NO_FRAME } from './entry.js';
import { isReadOnly } from './read-only.js';

const PAGE = 4096;

/** Who wants an entry, in whose table, for whose memory. */
export interface Wish {
  readonly caller: DomainId;
  /** Whose page table it is. */
  readonly table: DomainId;
  /** Whose memory it is to map; dom_io stands for devices, and the caller's own permissions count. */
  readonly memory: DomainId;
}

/** 0 with the flags the entry gets, or a negative errno. */
export interface Checked {
  readonly ret: number;
  readonly flags: number;
}

/**
 * What Xen lets stand in an L1 entry: memory of the right domain, and of devices what both the owner of the memory and
 * the owner of the table may use. Frames nobody was given count as devices.
 * @source xen/arch/x86/mm.c (mod_l1_entry, l1_disallow_mask, get_page_from_l1e) at c447b73
 */
export function checkEntry(context: Context, wish: Wish, { frame, flags }: Entry): Checked {
  const refuse = (ret: number, line: string | null): Checked => {
    if (line !== null) context.emit('xen', 'xen.logged', { level: 'warning', text: line });
    return { ret, flags };
  };
  const bad = flags & forbidden(context, wish.table);
  if (bad !== 0) return refuse(-errno.EINVAL, `Bad L1 flags ${hex(bad)}`);
  const { whose, owner: holder } = holderOf(context, frame * PAGE);
  if (whose === 'nobody') {
    const owner = wish.memory === domids.IO ? wish.caller : wish.memory;
    if (!isPermitted(context, owner, 'iomem', frame))
      return frame === NO_FRAME
        ? refuse(-errno.EINVAL, null)
        : refuse(-errno.EPERM, `d${owner} non-privileged attempt to map MMIO space ${mfn(frame)}`);
    if (owner !== wish.table && !isPermitted(context, wish.table, 'iomem', frame))
      return refuse(
        -errno.EPERM,
        `d${wish.caller} attempted to map MMIO space ${mfn(frame)} in d${owner} to d${wish.table}`,
      );
    return { ret: 0, flags: deviceFlags(context, frame, flags) };
  }
  if (holder !== wish.memory)
    return refuse(
      -errno.EBUSY,
      `pg_owner d${wish.memory} l1e_owner d${wish.table}, but real_pg_owner d${holder ?? -1}`,
    );
  if (whose === 'page-table' && (flags & flag.RW) !== 0)
    return refuse(-errno.EBUSY, 'Could not get page type PGT_writable_page');
  return { ret: 0, flags };
}

/** A PV domain without any permission of devices may not choose memory types. */
function forbidden(context: Context, domid: DomainId): number {
  const held = context.state.permissions[domid];
  const has = (resource: 'iomem' | 'ioport'): boolean => (held?.[resource]?.starts.length ?? 0) > 0;
  const owns = Object.values(context.state.xen.devices).some(({ owner }) => owner === domid);
  return has('iomem') || has('ioport') || owns ? 0 : CACHE_ATTRIBUTES;
}

/** Registers are never cached, and some frames are read-only for everybody. */
function deviceFlags(context: Context, frame: number, flags: number): number {
  const rights = isReadOnly(context, frame) ? flags & ~flag.RW : flags;
  return isUncached(flags) ? rights : (rights & ~CACHE_ATTRIBUTES) | flag.PCD | flag.PWT;
}

/**
 * Whether PWT, PCD and PAT choose uncached or write-combining memory in Xen's PAT (WB, WT, UC-, UC, WC, WP, UC, UC).
 * @source xen/include/public/arch-x86/xen.h (XEN_MSR_PAT 0x050100070406)
 */
function isUncached(flags: number): boolean {
  const index = ((flags & flag.PAT) === 0 ? 0 : 4) + ((flags & (flag.PCD | flag.PWT)) >>> 3);
  return index !== 0 && index !== 1 && index !== 5;
}

const mfn = (frame: number): string => frame.toString(16).padStart(5, '0');
