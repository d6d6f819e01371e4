import type { DomainId } from '../../../base/brand.js';
import type { Context } from '../../context.js';
import { isPermitted } from '../permissions.js';

/** A piece of a port access that Xen deals with at once. */
export interface PortPart {
  readonly port: number;
  readonly size: number;
  /** Null: carried out on the machine. */
  readonly why: 'no-permission' | 'emulated' | null;
}

const CONFIG_ADDRESS = 0xcf8;
const TIMER = [0x42, 0x43, 0x61];

/**
 * How Xen carries out a port access of a PV domain: in one go where the domain may use all of it, else byte by byte or
 * in halves. Neighbouring bytes with the same end are one part.
 * @source xen/arch/x86/pv/emul-priv-op.c (admin_io_okay, guest_io_read) at c447b73
 */
export function portParts(context: Context, domid: DomainId, port: number, size: number): PortPart[] {
  const may = (first: number, bytes: number): boolean =>
    isPermitted(context, domid, 'ioport', first, first + bytes - 1);
  if (!(port === CONFIG_ADDRESS && size === 4) && !isClock(port, size) && may(port, size))
    return [{ port, size, why: null }];
  const parts: PortPart[] = [];
  for (let at = port; at < port + size; ) {
    const left = port + size - at;
    const next = partAt(at, left, may);
    const before = parts.at(-1);
    if (before !== undefined && before.why !== null && before.why === next.why)
      parts[parts.length - 1] = { ...before, size: before.size + next.size };
    else parts.push(next);
    at += next.size;
  }
  return parts;
}

function partAt(port: number, left: number, may: (port: number, bytes: number) => boolean): PortPart {
  if (TIMER.includes(port) || isClock(port, 1)) return { port, size: 1, why: 'emulated' };
  if (port === CONFIG_ADDRESS && left === 4) return { port, size: 4, why: 'emulated' };
  if ((port & 0xfffc) === 0xcfc) {
    const size = Math.min(left, 4 - (port & 3));
    return { port, size: size === 3 ? 2 : size, why: 'emulated' };
  }
  if (!may(port, 1)) return { port, size: 1, why: 'no-permission' };
  const isHalf = left > 1 && (port & 1) === 0 && may(port + 1, 1);
  return { port, size: isHalf ? 2 : 1, why: null };
}

/** Index and data port of the clock are never the domain's, nor an access that touches both. */
const isClock = (port: number, size: number): boolean => port <= 0x71 && port + size > 0x70;
