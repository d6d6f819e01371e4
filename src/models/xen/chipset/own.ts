import type { GuestSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { decodePciexbar } from '../../qemu/chipset/mch.js';
import type { Requested } from '../ioreq/guest.js';

/** Register block of a function that Xen's own chipset model answers for. */
interface OwnFunction {
  /** Dwords that are not 0 at reset, and the bits of each that a guest can write. */
  readonly reset: Readonly<Record<number, number>>;
  readonly writable: Readonly<Record<number, number>>;
}

export const MCH = 0x00 as GuestSbdf;
export const LPC = 0xf8 as GuestSbdf;
export const PCIEXBAR = 0x60;
export const PMBASE = 0x40;
export const BUS_NUMBERS = 0x18;

/** hvmloader and Xen expect the ACPI registers here; Xen has them at its own ports. @source facts/q35-qemu 1.4 */
const XEN_PMBASE = 0x0000_b001;

const rootPort: OwnFunction = {
  reset: {
    0: 0x3420_8086,
    4: 0x0010_0000,
    8: 0x0604_0002,
    12: 0x0001_0000,
    52: 0x0000_0090,
    144: 0x0042_0010,
  },
  writable: {
    4: 0x0000_0547,
    12: 0x0000_00ff,
    24: 0x00ff_ffff,
    28: 0x0000_f0f0,
    32: 0xfff0_fff0,
    36: 0xfff0_fff0,
    40: 0xffff_ffff,
    44: 0xffff_ffff,
    60: 0x005f_00ff,
  },
};

/**
 * Functions of Xen's chipset: memory controller hub, LPC bridge, four root ports at 00:1c. QEMU's host bridge behind
 * them is a dummy that the guest never reaches. @source facts/xen 13.3 (option II); facts/q35-qemu 1.1, 1.3, 1.4, 2.5
 */
const functions: ReadonlyMap<number, OwnFunction> = new Map([
  [
    MCH as number,
    {
      reset: { 0: 0x29c0_8086, 8: 0x0600_0000, 96: 0xb000_0000 },
      writable: { 4: 0x0000_0547, 96: 0xffff_ffff, 100: 0xffff_ffff },
    },
  ],
  [
    LPC as number,
    {
      reset: {
        0: 0x2918_8086,
        8: 0x0601_0002,
        12: 0x0080_0000,
        64: XEN_PMBASE,
        68: 0x80,
        96: 0x8080_8080,
        104: 0x8080_8080,
      },
      writable: { 96: 0x8f8f_8f8f, 104: 0x8f8f_8f8f, 240: 0xffff_c001 },
    },
  ],
  ...[0xe0, 0xe1, 0xe2, 0xe3].map((sbdf) => [sbdf, rootPort] as const),
]);

export const isOwn = (sbdf: number): boolean => functions.has(sbdf);
export const isRootPort = (sbdf: number): boolean => sbdf >= 0xe0 && sbdf <= 0xe3;

/** What QEMU gave the guest through the chipset that is Xen's now. */
const lostFacilities = [
  [
    'acpi-pm',
    "QEMU's PM1 and GPE registers are decoded through its own PMBASE, which the guest does not write any more",
  ],
  ['acpi-hotplug', "QEMU's hotplug controller raises its event through the GPE block behind that PMBASE"],
  ['nvdimm', 'the NFIT and its method live in ACPI tables that QEMU builds for its own chipset'],
] as const;

/** Answers an access to Xen's own chipset; a read's value, null for a write. */
export function accessOwn(context: Context, access: Requested, sbdf: GuestSbdf, reg: number): number | null {
  const { domid } = access;
  for (const [facility, why] of lostFacilities) {
    if (context.state.mmconfig[domid]?.lost.includes(facility) !== true) {
      context.emit('xen', 'facility.lost', { domid, facility, why });
    }
  }
  const at = reg & ~3;
  const shift = 8 * (reg & 3);
  const old = registerOf(context, domid, sbdf, at);
  // An access that crosses a dword is cut there, as hardware with 32-bit registers does.
  const bytes = Math.min(access.size, 4 - (reg & 3));
  const lanes = bytes === 4 ? 0xffff_ffff : ((2 ** (8 * bytes) - 1) << shift) >>> 0;
  if (access.dir === 'read') return (old & lanes) >>> shift;
  const writable = (functions.get(sbdf)?.writable[at] ?? 0) & lanes;
  const value = ((old & ~writable) | (((access.value ?? 0) << shift) & writable)) >>> 0;
  if (value === old) return null;
  context.emit('xen', 'chipset.changed', { domid, sbdf, reg: at, value });
  if (sbdf === MCH && (at === PCIEXBAR || at === PCIEXBAR + 4)) followRegister(context, domid);
  if (isRootPort(sbdf) && at === BUS_NUMBERS) learnBus(context, domid, sbdf, (value >>> 8) & 0xff);
  return null;
}

function registerOf(context: Context, domid: Requested['domid'], sbdf: GuestSbdf, at: number): number {
  return context.state.mmconfig[domid]?.registers[sbdf]?.[at] ?? functions.get(sbdf)?.reset[at] ?? 0;
}

/** The window follows Xen's own register at once. */
function followRegister(context: Context, domid: Requested['domid']): void {
  const low = registerOf(context, domid, MCH, PCIEXBAR);
  const high = registerOf(context, domid, MCH, PCIEXBAR + 4);
  announceWindow(context, domid, low, high, 'register');
}

/** Xen takes a new value of PCIEXBAR as its window; a reserved size code leaves the old one. @source facts/q35-qemu 1.3 */
export function announceWindow(
  context: Context,
  domid: Requested['domid'],
  low: number,
  high: number,
  source: 'register' | 'intercept' | 'report',
): void {
  const decoded = decodePciexbar(low, high, 'qemu');
  if (decoded.kind === 'reserved') return;
  const { base, sizeBytes, enabled } = decoded;
  const known = context.state.mmconfig[domid]?.window ?? null;
  if (known !== null && known.base === base && known.sizeBytes === sizeBytes && known.enabled === enabled)
    return;
  context.emit('xen', 'mmconfig.changed', {
    domid,
    base: base as Requested['addr'],
    sizeBytes: sizeBytes as Requested['addr'],
    enabled,
    source,
  });
}

/** Xen learns a port's secondary bus; servers registered what is behind it under the first number it had. */
export function learnBus(context: Context, domid: Requested['domid'], port: GuestSbdf, bus: number): void {
  const known = context.state.mmconfig[domid]?.ports[port];
  if (bus === 0 || known?.bus === bus) return;
  context.emit('xen', 'bus.learnt', { domid, port, bus, registered: known?.registered ?? bus });
}
