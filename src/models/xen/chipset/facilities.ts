import type { DomainId } from '../../../base/brand.js';
import { containsRange } from '../../../base/rangeset.js';
import { formatSbdf, type GuestSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { guestOf, type Requested } from '../ioreq/guest.js';
import { isRootPort } from './functions.js';
import { portReg } from './port-registers.js';

const LPC = 0xf8;
const PMBASE = 0x40;
const ACPI_CONTROL = 0x44;

/** What QEMU gave the guest through the chipset that is Xen's now, and why it works no more. */
const reasons = {
  'acpi-pm':
    "QEMU's PM1 and GPE registers are decoded through its own PMBASE, which the guest does not write any more",
  'acpi-hotplug': "QEMU's hotplug controller raises its event through the GPE block behind that PMBASE",
  nvdimm: 'the NFIT and its method live in ACPI tables that QEMU builds for its own chipset',
} as const;

function lose(context: Context, domid: DomainId, facility: string, why: string): void {
  if (context.state.mmconfig[domid]?.lost.includes(facility) === true) return;
  context.emit('xen', 'facility.lost', { domid, facility, why });
}

/** As 0.1.0 told it: all of them at the first access. */
export function loseAtOnce(context: Context, domid: DomainId): void {
  for (const [facility, why] of Object.entries(reasons)) lose(context, domid, facility, why);
}

/** A guest reaches for a register of Xen's chipset that QEMU has too. */
export function loseOnAccess(
  context: Context,
  { domid, dir }: Requested,
  sbdf: GuestSbdf,
  reg: number,
): void {
  const at = reg & ~3;
  if (sbdf === LPC && dir === 'write' && (at === PMBASE || at === ACPI_CONTROL))
    lose(context, domid, 'acpi-pm', reasons['acpi-pm']);
  if (!isRootPort(sbdf)) return;
  const server = guestOf(context, domid)?.servers.findLastIndex(
    (one) => one?.enabled === true && containsRange(one.ranges[2], sbdf, sbdf),
  );
  if (server === undefined || server < 0) return;
  const name = formatSbdf(sbdf);
  lose(
    context,
    domid,
    `port ${name}`,
    `server ${server} registered ${name} too: Xen's port answers in its place, and what server ${server} has behind its own gets no bus number`,
  );
  if (at === portReg.slot && dir === 'write')
    lose(
      context,
      domid,
      `slot ${name}`,
      `cards that are plugged into the slot of server ${server}'s ${name} show up in registers the guest does not reach`,
    );
}

const HOTPLUG_PORTS = [0xcc0, 0xcd7] as const;
const NVDIMM_PORTS = [0xa18, 0xa1b] as const;

/**
 * A guest touches ports that lead to what QEMU's ACPI tables describe. The registers may answer; what they announce does
 * not arrive. @source facts/q35-qemu 2.8 (0xcc0, 24 bytes); QEMU include/hw/mem/nvdimm.h (0xa18, 4 bytes)
 */
export function loseOnPort(context: Context, { domid, space, addr }: Requested): void {
  if (space !== 'port') return;
  const within = ([first, last]: readonly [number, number]): boolean => addr >= first && addr <= last;
  if (within(HOTPLUG_PORTS)) lose(context, domid, 'acpi-hotplug', reasons['acpi-hotplug']);
  if (within(NVDIMM_PORTS)) lose(context, domid, 'nvdimm', reasons.nvdimm);
}
