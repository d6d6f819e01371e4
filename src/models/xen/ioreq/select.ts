import { containsRange } from '../../../base/rangeset.js';
import { bdfOf, type GuestSbdf, sbdf } from '../../../pci/sbdf.js';
import type { GuestIo } from '../../../state/guest-io.js';

/** What a selection looks at; a `port` or `mem` access as the guest made it. */
export interface Access {
  readonly space: 'port' | 'mem';
  readonly addr: number;
  /** Bytes of one repetition. */
  readonly size: number;
  readonly count: number;
  /** Repetitions go down. */
  readonly df: boolean;
}

/** Where an access leads before a server is looked for. Range types are XEN_DMOP_IO_RANGE_*. */
export type Target =
  | { readonly type: 'port' | 'memory'; readonly addr: number }
  | { readonly type: 'pci'; readonly addr: number; readonly sbdf: GuestSbdf; readonly reg: number };

/** The parts of a guest that selection reads. */
export type Selecting = Pick<GuestIo, 'type' | 'cf8' | 'cpuVendor' | 'cpuFamily' | 'hostCf8Ext'> & {
  readonly servers: readonly ({
    readonly enabled: boolean;
    readonly ranges: readonly [RangesView, RangesView, RangesView];
  } | null)[];
};
interface RangesView {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

const CF8_ENABLE = 0x8000_0000;

/**
 * Range type and address of an access: 0xCFC..0xCFF with the latch's bit 31 set becomes a PCI address, everything else
 * keeps its own. ECAM is memory like any other. ARM guests have neither ports nor a latch.
 * @source facts/xen 4.5 (arch hooks), 1.5 (latch)
 */
export function targetOf(guest: Selecting, access: Access): Target {
  if (access.space === 'mem') return { type: 'memory', addr: access.addr };
  if (guest.type === 'arm' || (access.addr & ~3) !== 0xcfc || guest.cf8 < CF8_ENABLE)
    return { type: 'port', addr: access.addr };
  let reg = (guest.cf8 & 0xfc) | (access.addr & 3);
  if (hasExtendedRegisters(guest)) reg |= (guest.cf8 & 0x0f00_0000) >>> 16;
  const name = sbdf<GuestSbdf>(0, bdfOf(guest.cf8 >>> 8));
  return { type: 'pci', addr: name * 0x1_0000_0000 + reg, sbdf: name, reg };
}

/** AMD families 10h to 16h on a host that has the extension switched on; the latch must use the bits. */
function hasExtendedRegisters(guest: Selecting): boolean {
  return (
    (guest.cf8 & 0x0f00_0000) !== 0 &&
    guest.cpuVendor === 'amd' &&
    guest.cpuFamily !== null &&
    guest.cpuFamily >= 0x10 &&
    guest.cpuFamily < 0x17 &&
    guest.hostCf8Ext
  );
}

/** First and last byte of a repeated memory access. @source facts/xen 4.5 */
export function memorySpan({ addr, size, count, df }: Access): readonly [number, number] {
  return df ? [addr - (count - 1) * size, addr + size - 1] : [addr, addr + count * size - 1];
}

/**
 * The server a guest's access goes to: ids from 7 down, enabled ones only, the first with one stored range that holds
 * the whole access. Port accesses count one repetition, memory accesses their span, PCI accesses their SBDF.
 * @returns The id; -1 when nobody has it.
 * @source facts/xen 4.5 (ioreq_server_select)
 * @cost O(servers * log ranges), no allocation.
 */
export function selectServer(guest: Selecting, access: Access, target: Target): number {
  let start: number;
  let end: number;
  let set: 0 | 1 | 2;
  switch (target.type) {
    case 'port':
      set = 0;
      start = target.addr;
      end = start + access.size - 1;
      break;
    case 'memory':
      set = 1;
      start = access.df ? access.addr - (access.count - 1) * access.size : access.addr;
      end = access.df ? access.addr + access.size - 1 : access.addr + access.count * access.size - 1;
      break;
    case 'pci':
      set = 2;
      start = target.sbdf;
      end = start;
      break;
  }
  const { servers } = guest;
  for (let id = servers.length - 1; id >= 0; id--) {
    const server = servers[id];
    if (server === null || server === undefined || !server.enabled) continue;
    if (containsRange(server.ranges[set], start, end)) return id;
  }
  return -1;
}
