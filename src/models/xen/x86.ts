import type { DomainId } from '../../base/brand.js';
import { defaultX86Facts, type X86Facts } from '../../platform/platform.js';
import type { Env } from '../../state/env.js';
import type { ReadonlyWorld } from '../../state/world.js';

/** The machine's x86 facts, or those of a plain machine when the platform has none. */
export const x86Facts = (env: Env): X86Facts => env.platform.x86 ?? defaultX86Facts;

/** `nr_irqs_gsi`: one more than the highest GSI of any I/O APIC, at least the 16 of the ISA bus. */
export function nrGsis(env: Env): number {
  return x86Facts(env).ioapics.reduce((most, { gsiBase, pins }) => Math.max(most, gsiBase + pins), 16);
}

/** `nr_pirqs` of a domain: GSIs and its share for MSI. @source facts/xen 12.2 (`extra_guest_irqs`) */
export function nrPirqs(state: ReadonlyWorld, env: Env, domid: DomainId): number {
  const facts = x86Facts(env);
  if (state.domains[domid]?.hardware === true) return facts.hardwareDomainPirqs;
  return Math.min(nrGsis(env) + facts.extraGuestIrqs, facts.nrIrqs);
}

/** Emulated interrupt pins of an HVM guest. @source facts/xen 2.3 (vIOAPIC pins) */
export const HVM_GSIS = 48;
/** `emuirq` of a passthrough interrupt seen as an event. @source xen/arch/x86/include/asm/irq.h (IRQ_PT) */
export const EMUIRQ_PASSTHROUGH = -2;
