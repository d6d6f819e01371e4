import { errno } from '../../base/errno.js';
import type { IoApic } from '../../platform/platform.js';
import type { Context } from '../context.js';
import { argNumber, type HypercallHandler } from '../hypercall.js';
import { hardwareDomain } from './domains.js';
import { mapGsi } from './pirq.js';
import { nrGsis, nrPirqs, x86Facts } from './x86.js';

const atAddress = (context: Context, address: number): IoApic | undefined =>
  x86Facts(context.env).ioapics.find((ioapic) => ioapic.address === address);

/**
 * PHYSDEVOP_apic_read: the register as the chip has it. Identification, version and arbitration are known; a
 * redirection entry reads as masked, with the trigger and polarity set_up_gsi gave it.
 * @source facts/xen 2.1, xen/arch/x86/io_apic.c (ioapic_guest_read)
 */
export const apicRead: HypercallHandler = (context, { args }) => {
  const base = argNumber(args, 'apic_physbase');
  const reg = argNumber(args, 'reg');
  const ioapic = atAddress(context, base);
  const back = (ret: number, value: number) => ({ ret, out: { apic_physbase: base, reg, value } });
  if (ioapic === undefined) return back(-errno.EINVAL, argNumber(args, 'value'));
  if (reg === 0 || reg === 2) return back(0, (ioapic.id << 24) >>> 0);
  if (reg === 1) return back(0, ((ioapic.pins - 1) << 16) | ioapic.version);
  const pin = (reg - 0x10) >> 1;
  const set = context.state.irq.gsis[ioapic.gsiBase + pin];
  if (pin < 0 || pin >= ioapic.pins || (reg & 1) !== 0) return back(0, 0);
  return back(0, 0x1_0000 | ((set?.triggering ?? 0) << 15) | ((set?.polarity ?? 0) << 13));
};

/** Whether a redirection entry is asked for: the part of apic_read whose vector and destination are not modelled. */
export const isRedirectionEntry = (reg: number): boolean => reg >= 0x10;

/**
 * PHYSDEVOP_apic_write: only the first half of an entry counts; unmasking maps the pirq the caller put into the
 * vector field. An interrupt in use is left alone.
 * @source xen/arch/x86/io_apic.c (ioapic_guest_write)
 */
export const apicWrite: HypercallHandler = (context, { args }) => {
  const ioapic = atAddress(context, argNumber(args, 'apic_physbase'));
  if (ioapic === undefined) return { ret: -errno.EINVAL };
  const reg = argNumber(args, 'reg');
  if (reg < 0x10 || (reg & 1) !== 0) return { ret: 0 };
  const value = argNumber(args, 'value');
  if (((value >>> 8) & 7) > 1) return { ret: -errno.EINVAL };
  const pin = (reg - 0x10) >> 1;
  if (pin >= ioapic.pins) return { ret: -errno.EINVAL };
  const irq = ioapic.gsiBase + pin;
  const isMasked = (value & 0x1_0000) !== 0;
  const owner = hardwareDomain(context);
  const pirq = irq >= 256 ? irq : value & 0xff;
  if (!isMasked && pirq >= nrPirqs(context.state, context.env, owner)) return { ret: -errno.EINVAL };
  if (isInUse(context, irq) || isMasked) return { ret: 0 };
  return { ret: mapGsi(context, owner, owner, irq, pirq).ret };
};

/** PHYSDEVOP_setup_gsi: an interrupt in use, and a pin set up before, is -EEXIST. @source xen/arch/x86/mpparse.c (mp_register_gsi) */
export const setupGsi: HypercallHandler = (context, { args }) => {
  const gsi = argNumber(args, 'gsi');
  const ioapic = x86Facts(context.env).ioapics.find(
    ({ gsiBase, pins }) => gsi >= gsiBase && gsi < gsiBase + pins,
  );
  if (ioapic === undefined) return { ret: -errno.EINVAL };
  if (isInUse(context, gsi) || context.state.irq.gsis[gsi] !== undefined) return { ret: -errno.EEXIST };
  const triggering = argNumber(args, 'triggering') & 0xff;
  const polarity = argNumber(args, 'polarity') & 0xff;
  context.emit('xen', 'gsi.programmed', { gsi, triggering, polarity });
  return { ret: 0 };
};

/** The range check that comes before the privilege check. @source facts/xen 2.1 */
export const isGsi = (context: Context, gsi: number): boolean => gsi >= 0 && gsi < nrGsis(context.env);

const isInUse = (context: Context, irq: number): boolean =>
  x86Facts(context.env).ownIrqs.includes(irq) || context.state.irq.guests[irq] !== undefined;
