import type { DomainId } from '../../base/brand.js';
import { domids } from '../../base/domid.js';
import { formatSbdf, type XenSbdf } from '../../pci/sbdf.js';
import type { Resource } from '../../state/permissions.js';
import type { Context, Decider } from '../context.js';
import { XenstoreClient } from '../xenstore/client.js';
import { domainPath } from '../xenstore/xenbus.js';
import { changeOwner, giveBack } from './assignment.js';
import { bootX86 } from './boot.js';

import { driverDomainHas } from './driver-domain.js';
import { grant, revoke } from './permissions.js';

/**
 * The machine comes up as the design has it (`hardware-domain`), or the driver domain does after it had gone.
 *
 * - `dom0`: domain 0 is control and hardware domain.
 * - `domd`: domain 0 is built first and gets the hardware; the driver domain takes over from it.
 * - `dom0less`: no domain owns the hardware and none runs a toolstack. Released Xen has this on ARM only; on x86 it
 *   stands for what hyperlaunch aims at.
 *
 * @source facts/dom0 12.3; xen/common/domain.c (late_hwdom_init)
 */
export const decideSystemBoot: Decider<'system.booted'> = (context, { data }) => {
  const owner = context.env.policies['hardware-domain'];
  const { owners } = context.state;
  if (owners.settled && owners.down === null && (owner !== 'domd' || owners.owner !== null)) return;
  if (owner === 'dom0less') {
    context.emit('xen', 'owner.chosen', { owner: null, hardware: null, toolstack: null });
    if (isX86(context)) bootX86(context, null);
    return;
  }
  if (context.state.domains[data.dom0] === undefined) {
    build(context, data.dom0, 'Domain-0', true);
    if (isX86(context)) bootX86(context, data.dom0);
    else permitWindows(context, data.dom0);
  }
  if (owner === 'dom0') {
    context.emit('xen', 'owner.chosen', { owner: data.dom0, hardware: data.dom0, toolstack: data.dom0 });
    return;
  }
  build(context, data.domd, 'DomD', false);
  new XenstoreClient(context, 'toolstack', `k${data.dom0}`).make(domainPath(data.domd), `n${data.domd}`);
  takeOver(context, data.dom0, data.domd);
};

const isX86 = ({ env }: Context): boolean => env.platform.arch === 'x86_64';

function build(context: Context, domid: DomainId, name: string, isControl: boolean): void {
  context.emit(isControl ? 'xen' : 'toolstack', 'domain.built', {
    domid,
    type: isX86(context) ? 'pv' : 'arm',
    privileged: isControl,
    hardware: isControl,
    target: null,
    name,
  });
}

/** Xen lets the domain it builds from the host's tree use the windows of the bridges. @source facts/xen 3.4 */
function permitWindows(context: Context, domid: DomainId): void {
  for (const { windows } of context.env.platform.bridges) {
    for (const { cpuAddress, sizeBytes, space } of windows) {
      if (cpuAddress === null || space === 'config') continue;
      const last = cpuAddress + sizeBytes - 1;
      grant(context, domid, 'iomem', Math.floor(cpuAddress / 4096), Math.floor(last / 4096));
    }
  }
}

/**
 * The driver domain takes the hardware over. On x86 with `hardware_dom=` Xen swaps what the two may use, and leaves
 * every device that has an owner with that owner, with a warning: domain 0 keeps all of them, and no assignment from
 * there succeeds. On ARM there is no late hardware domain at all; the domain is given its host bridge like any device
 * of the tree, and Xen goes on taking domain 0 for the hardware domain (the [HACK] of 2020 made vPCI take domain 1 for
 * it). The proposals move the devices along. @source xen/common/domain.c (late_hwdom_init), xen/common/Kconfig
 *   (LATE_HWDOM depends on X86), xen/drivers/passthrough/pci.c (_setup_hwdom_pci_devices); facts/dom0 12.1
 */
function takeOver(context: Context, dom0: DomainId, domd: DomainId): void {
  const isProposed = driverDomainHas(context, 'backend-0');
  swapPermissions(context, dom0, domd);
  const hardware = isX86(context) || isProposed ? domd : dom0;
  context.emit('xen', 'owner.chosen', { owner: domd, hardware, toolstack: dom0 });
  for (const [key, device] of Object.entries(context.state.xen.devices)) {
    const sbdf = Number(key) as XenSbdf;
    const isFree = device.owner === dom0 || (device.owner === domids.IO && !device.quarantine);
    if (!isFree) continue;
    if (isProposed) changeOwner(context, sbdf, domd);
    else {
      const text = `Dom${dom0} owning ${formatSbdf(sbdf)}?`;
      context.emit('xen', 'owner.kept', { sbdf, owner: dom0, text });
    }
  }
}

/** What domain 0 may use goes to the driver domain; domain 0 is left with nothing. */
function swapPermissions(context: Context, from: DomainId, to: DomainId): void {
  const held = Object.entries(context.state.permissions[from] ?? {}).flatMap(([resource, ranges]) =>
    ranges.starts.map((first, i) => [resource as Resource, first, ranges.ends[i]!] as const),
  );
  for (const [resource, first, last] of held) {
    grant(context, to, resource, first, last);
    revoke(context, from, resource, first, last);
  }
}

/**
 * The owner goes down. Where Xen takes it for the hardware domain the whole machine is reset; a driver domain that the
 * proposals let go alone leaves its guests' devices assigned and everybody else without news of it.
 * @source xen/common/domain.c (domain_shutdown: hwdom_shutdown of the hardware domain)
 */
export const decideOwnerEnd: Decider<'owner.ended'> = (context, { data }) => {
  const { owner } = context.state.owners;
  if (owner === null) return;
  const isHardware = context.state.domains[owner]?.hardware === true;
  if (isHardware && !driverDomainHas(context, 'backend-0')) {
    context.emit('xen', 'system.reset', { reason: `d${owner}, the hardware domain, went down: ${data.how}` });
    return;
  }
  const held = Object.entries(context.state.xen.devices).filter(([, device]) => device.owner === owner);
  context.emit('xen', 'owner.went', { domid: owner as DomainId });
  // Nothing drives them any more when Xen takes them back.
  for (const [name] of held) giveBack(context, Number(name) as XenSbdf, owner as DomainId);
};

/** xenstored comes up again: C xenstored keeps its tree in memory. Where nobody runs a toolstack there is none. */
export const decideStoreLoss: Decider<'store.lost'> = (context) => {
  if (context.state.owners.settled && context.state.owners.toolstack === null) return;
  context.emit('xenstored', 'store.emptied', {});
};
