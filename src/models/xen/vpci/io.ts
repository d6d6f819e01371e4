import type { XenSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { allOnes } from '../../hardware/config-space.js';
import type { Requested } from '../ioreq/guest.js';
import type { InternalAnswer, InternalHandler } from '../ioreq/internal-handler.js';
import { memorySpan } from '../ioreq/select.js';
import { isAccessAllowed } from './access.js';
import { accessVpci } from './decide.js';
import { findTableHit, readTable, writeTable } from './msix-table.js';
import { devicesOf, hasVpci } from './owner.js';
import { type Trapped, trapOf } from './windows.js';
import { devicePorts } from './world-ports.js';

const CF8 = 0xcf8;
const CFC = 0xcfc;
const ENABLED = 0x8000_0000;

const done: InternalAnswer = { value: null, valueHigh: null };
const read = (value: number, valueHigh: number | null = null): InternalAnswer => ({ value, valueHigh });
const ones = (size: number): InternalAnswer => read(allOnes(size), size === 8 ? 0xffff_ffff : null);

/** The register a data port stands for. No AMD extension here, no segment either. @source facts/xen 5.8 */
function decodeDataPort(
  latch: number,
  port: number,
): { readonly sbdf: XenSbdf; readonly reg: number } | null {
  if (latch < ENABLED) return null;
  return { sbdf: ((latch >>> 8) & 0xffff) as XenSbdf, reg: (latch & 0xfc) | (port & 3) };
}

/** Ports of a domain with vPCI: the latch is answered here and goes no further. @source facts/xen 5.8 */
const ports: InternalHandler = {
  name: 'vpci',
  space: 'port',
  accepts: (context, _guest, { domid, addr, size }) =>
    ((addr === CF8 && size === 4) || (addr & ~3) === CFC) && hasVpci(context, domid),
  handle: (context, guest, access) => {
    const { domid, vcpu, addr, size, dir, dataIsPtr } = access;
    if (addr === CF8) {
      if (dir === 'read') return read(guest.cf8);
      if (!dataIsPtr) context.emit('xen', 'cf8.latched', { domid, vcpu, value: access.value ?? 0 });
      return done;
    }
    const named = decodeDataPort(guest.cf8, addr);
    if (named === null) return null;
    return carryOut(context, access, { ...named, isGuestBus: false }, isAccessAllowed(named.reg, size));
  },
};

/** MMCFG on x86, the ECAM windows on ARM. @source facts/xen 5.9, 5.10 */
const ecam: InternalHandler = {
  name: 'vpci:ecam',
  space: 'mem',
  accepts: (context, _guest, access) => {
    const [first, last] = memorySpan(access);
    if (trapOf(context, access.domid, first) === null) return false;
    return trapOf(context, access.domid, last) === null ? 'crash' : true;
  },
  handle: (context, _guest, access) => {
    const trapped = trapOf(context, access.domid, access.addr);
    if (trapped === null) return null;
    const { reg } = trapped;
    const isSound = isAccessAllowed(reg, access.size) && reg + access.size <= 4096;
    if (!isSound && context.env.platform.arch === 'arm64') return { ...ones(access.size), abort: true };
    return carryOut(context, access, trapped, isSound);
  },
};

/** One access of 1 to 4 bytes, or two for 8. Data of string instructions stands in guest memory, which xpr does not have. */
function carryOut(context: Context, access: Requested, trapped: Trapped, isSound: boolean): InternalAnswer {
  const { domid, size, dir } = access;
  if (!isSound) return dir === 'read' ? ones(size) : done;
  if (access.dataIsPtr && dir === 'write') return done;
  const piece = (reg: number, value: number | null): number | null =>
    accessVpci(context, domid, trapped.sbdf, trapped.isGuestBus, reg, Math.min(size, 4) as 1 | 2 | 4, value)
      .value;
  const isRead = dir === 'read';
  const low = piece(trapped.reg, isRead ? null : (access.value ?? 0));
  const high = size === 8 ? piece(trapped.reg + 4, isRead ? null : (access.valueHigh ?? 0)) : null;
  return { value: low, valueHigh: high };
}

/** Pages of MSI-X tables and PBAs; what is beside the table is the device's memory, which xpr does not model. @source facts/xen 5.7 */
const msixTables: InternalHandler = {
  name: 'vpci:msix',
  space: 'mem',
  accepts: (context, _guest, access) => {
    const [first, last] = memorySpan(access);
    if (tableAt(context, access, first) === null) return false;
    return tableAt(context, access, last) === null ? 'crash' : true;
  },
  handle: (context, _guest, access) => {
    const name = tableAt(context, access, access.addr);
    const device = name === null ? null : devicePorts(context, name);
    if (device === null) return null;
    if (findTableHit(device.device(), access.addr)?.kind !== 'table' || access.dataIsPtr) return done;
    if (access.dir === 'write') {
      writeTable(device, access.addr, access.size, { lo: access.value ?? 0, hi: access.valueHigh ?? 0 });
      return done;
    }
    const { lo, hi } = readTable(device, access.addr, access.size);
    return access.size === 8 ? read(lo, hi) : read((lo & allOnes(access.size)) >>> 0);
  },
};

function tableAt(context: Context, { domid }: Requested, address: number): XenSbdf | null {
  if (context.env.platform.arch !== 'x86_64' || !hasVpci(context, domid)) return null;
  const found = devicesOf(context.state, domid).find(([, device]) => findTableHit(device, address) !== null);
  return found === undefined ? null : found[0];
}

/** In the order Xen asks them; all before the latch of domains with device models. */
export const vpciHandlers: readonly InternalHandler[] = [ports, ecam, msixTables];
