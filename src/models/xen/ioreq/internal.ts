import { vpciHandlers } from '../vpci/io.js';
import type { ReadonlyGuest } from './guest.js';
import type { InternalAnswer, InternalHandler } from './internal-handler.js';
import { memorySpan } from './select.js';

const unmodelled: InternalAnswer = { value: null, valueHigh: null };

type Present = (guest: ReadonlyGuest) => boolean;
const always: Present = () => true;
const fullHvm: Present = (guest) => guest.type === 'hvm';
const withIoApic: Present = (guest) => guest.type === 'hvm' || (guest.type === 'pvh' && guest.hardware);

/** A handler of ports takes only accesses that lie wholly inside its ports. */
function ports(name: string, first: number, count: number, present: Present): InternalHandler {
  return {
    name,
    space: 'port',
    accepts: (_context, guest, { addr, size }) =>
      present(guest) && addr >= first && addr + size <= first + count,
    handle: () => unmodelled,
  };
}

/** A handler of memory is asked for the first byte, then for the last. */
function memory(name: string, base: number, sizeBytes: number, present: Present): InternalHandler {
  return {
    name,
    space: 'mem',
    accepts: (_context, guest, access) => {
      if (!present(guest)) return false;
      const [first, last] = memorySpan(access);
      if (first < base || first >= base + sizeBytes) return false;
      return last < base + sizeBytes ? true : 'crash';
    },
    handle: () => unmodelled,
  };
}

/** Ports of a passed-through device, which Xen touches for the guest. @source facts/xen 4.5; xen/arch/x86/hvm/io.c (g2m_portio_accept) */
const passthroughPorts: InternalHandler = {
  name: 'hardware',
  space: 'port',
  accepts: (context, _guest, { domid, addr, size }) =>
    (context.state.physmap[domid]?.ports ?? []).some(
      ({ gport, count }) => addr >= gport && addr + size <= gport + count,
    ),
  handle: () => unmodelled,
};

/**
 * The latch behind 0xCF8: a 4-byte write is taken, and the access always goes on to a device model. Data of a string
 * instruction stands in guest memory, which xpr does not have, so it is not latched.
 * @source facts/xen 4.5 step 3
 */
const cf8Latch: InternalHandler = {
  name: 'xen:cf8',
  space: 'port',
  accepts: (_context, _guest, { addr, size }) => addr >= 0xcf8 && addr + size <= 0xcfc,
  handle: (context, _guest, { domid, vcpu, dir, size, value, dataIsPtr }) => {
    if (dir === 'write' && size === 4 && !dataIsPtr)
      context.emit('xen', 'cf8.latched', { domid, vcpu, value: value ?? 0 });
    return null;
  },
};

/** Registers of the clock itself; what lies behind them is plain CMOS memory, a device model's. */
const CLOCK_REGISTERS = 14;

/** The clock keeps the index register and answers for its own registers only. @source xen/arch/x86/hvm/rtc.c (handle_rtc_io) */
const clock: InternalHandler = {
  name: 'xen:rtc',
  space: 'port',
  accepts: (_context, guest, { addr, size }) => fullHvm(guest) && addr >= 0x70 && addr + size <= 0x72,
  handle: (context, guest, { domid, addr, size, dir, value, dataIsPtr }) => {
    if (size !== 1) return { value: 0xffff, valueHigh: null };
    const isIndex = addr === 0x70;
    if (isIndex && dir === 'read') return { value: 0xff, valueHigh: null };
    if (!isIndex || dataIsPtr) return guest.cmosIndex < CLOCK_REGISTERS ? unmodelled : null;
    const index = (value ?? 0) & 0x7f;
    if (index !== guest.cmosIndex) context.emit('xen', 'cmos.indexed', { domid, index });
    return index < CLOCK_REGISTERS ? unmodelled : null;
  },
};

/** The ACPI power-management block: 0x1f40 or, with HVM_PARAM_ACPI_IOPORTS_LOCATION 1, 0xb000. */
const ACPI_IOPORTS_LOCATION = 19;
const acpiAt = (version: 0 | 1): Present => {
  return (guest) => guest.type === 'hvm' && (guest.params[ACPI_IOPORTS_LOCATION] ?? 0) === version;
};

/**
 * In the order of registration at domain creation: passthrough ports, vPCI ports, the latch, the rest.
 * @source xen/arch/x86/hvm/hvm.c (hvm_domain_initialise), vpic.c, vioapic.c, rtc.c, hpet.c, pmtimer.c, emul-i8254.c
 */
export const internalHandlers: readonly InternalHandler[] = [
  passthroughPorts,
  ...vpciHandlers,
  cf8Latch,
  ports('xen:pic', 0x20, 2, fullHvm),
  ports('xen:pic', 0xa0, 2, fullHvm),
  ports('xen:pic', 0x4d0, 2, fullHvm),
  memory('xen:ioapic', 0xfec0_0000, 0x100, withIoApic),
  clock,
  ports('xen:debug', 0xe9, 1, always),
  ports('xen:pit', 0x40, 4, fullHvm),
  ports('xen:pit', 0x61, 1, fullHvm),
  ports('xen:pmtimer', 0x1f48, 4, acpiAt(0)),
  ports('xen:pm1a', 0x1f40, 4, acpiAt(0)),
  ports('xen:pmtimer', 0xb008, 4, acpiAt(1)),
  ports('xen:pm1a', 0xb000, 4, acpiAt(1)),
  memory('xen:hpet', 0xfed0_0000, 0x400, fullHvm),
  memory('xen:lapic', 0xfee0_0000, 0x1000, always),
];
