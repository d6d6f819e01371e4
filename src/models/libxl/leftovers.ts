import { domids } from '../../base/domid.js';
import { type Dom0Sbdf, formatSbdf } from '../../pci/sbdf.js';
import type { ReadonlyWorld } from '../../state/world.js';

import { backendPath } from '../xenstore/xenbus.js';
import { libxlPath } from './names.js';

/** Where a device stands between Dom0 and a guest, whoever died on the way. */
export type DeviceStanding =
  /** A host driver, or none, has it; nothing of passthrough is left. */
  | 'with-dom0'
  /** The same where a driver domain owns the hardware. */
  | 'with-driver-domain'
  /** No domain drives it: nobody owns the hardware, or the owner is gone. */
  | 'with-nobody'
  /** pciback has it, Xen does not keep it in quarantine. */
  | 'seized'
  /** Ready for a guest. */
  | 'assignable'
  /** libxl has marked it as taken, nothing more. */
  | 'claimed'
  /** A guest may use some of its frames, ports or interrupts. */
  | 'granted'
  /** Xen has given it away, XenStore does not know. */
  | 'assigned'
  /** XenStore has its keys, pciback has not exported it. */
  | 'stored'
  /** pciback has exported it. */
  | 'exported'
  /** Keys, exports or claims of a guest that Xen no longer gives the device to. */
  | 'left-over';

export interface Standing {
  readonly standing: DeviceStanding;
  /** The guest concerned. */
  readonly domid: number | null;
  /** What stands in the way of the next use, in the order in which it should go. */
  readonly leftovers: readonly string[];
}

/** What a living or dead party left of a device: read from Xen, pciback and XenStore, the three that keep books. */
export function standingOf(world: ReadonlyWorld, device: Dom0Sbdf): Standing {
  const stub = world.pciback.devices[device];
  const owner = world.xen.devices[device]?.owner ?? null;
  const claim = world.xenstore.nodes[libxlPath(device, 'domid')]?.value ?? null;
  const guest = owner !== null && owner !== domids.IO && !isHost(world, owner) ? owner : null;
  const stored = storedFor(world, device);
  const exported = stub?.exportedTo ?? null;
  const domid = guest ?? (claim === null ? (stored ?? exported) : Number(claim));

  const leftovers: string[] = [];
  const lives = domid !== null && world.domains[domid] !== undefined;
  if (guest === null) {
    if (exported !== null) leftovers.push(`exported to d${exported}`);
    if (stored !== null) leftovers.push(`backend keys of d${stored}`);
    if (claim !== null) leftovers.push(`claim of d${claim}`);
    if (domid !== null && lives && hasGrants(world, domid)) leftovers.push(`permissions of d${domid}`);
  }
  return { standing: name(), domid, leftovers };

  function name(): DeviceStanding {
    if (guest !== null) {
      if (exported === guest) return 'exported';
      if (stored === guest) return 'stored';
      return 'assigned';
    }
    if (exported !== null || stored !== null)
      return lives && stored !== null && exported === null && claim !== null ? 'stored' : 'left-over';
    if (claim !== null)
      return lives && hasGrants(world, Number(claim)) ? 'granted' : lives ? 'claimed' : 'left-over';
    if (stub !== undefined) return owner === domids.IO ? 'assignable' : 'seized';
    if (isListed(world, device)) return 'assignable';
    if (!world.owners.settled || world.owners.owner === 0) return 'with-dom0';
    return world.owners.owner === null ? 'with-nobody' : 'with-driver-domain';
  }
}

/** Control and hardware domain are no guests. */
const isHost = ({ domains }: ReadonlyWorld, domid: number): boolean =>
  domains[domid]?.hardware === true || domains[domid]?.privileged === true;

/** Listed without pciback: by the proposed flag in Xen, or by a key. */
const isListed = (world: ReadonlyWorld, device: Dom0Sbdf): boolean =>
  world.marks[device] === true || world.xenstore.nodes[libxlPath(device, 'assignable')]?.value === '1';

function storedFor(world: ReadonlyWorld, device: Dom0Sbdf): number | null {
  const name = formatSbdf(device);
  const { nodes } = world.xenstore;
  for (const home of nodes['/local/domain']?.children ?? []) {
    for (const guest of nodes[`/local/domain/${home}/backend/pci`]?.children ?? []) {
      const node = backendPath(Number(guest), Number(home));
      const isNamed = (nodes[node]?.children ?? []).some(
        (key) => key.startsWith('dev-') && nodes[`${node}/${key}`]?.value === name,
      );
      if (isNamed) return Number(guest);
    }
  }
  return null;
}

const hasGrants = (world: ReadonlyWorld, domid: number): boolean =>
  (world.permissions[domid]?.iomem?.starts.length ?? 0) > 0 ||
  (world.permissions[domid]?.ioport?.starts.length ?? 0) > 0;

/**
 * What an administrator does about it, as lines of a script. A comment where no command helps: nobody runs a toolstack,
 * or the toolstack has no way to the files of the domain that owns the hardware.
 */
export function recoveryOf(world: ReadonlyWorld, device: Dom0Sbdf): readonly string[] {
  const { owners } = world;
  const name = formatSbdf(device);
  const add = `xl pci-assignable-add ${name}`;
  if (owners.settled && owners.toolstack === null && owners.down === null)
    return ['# Xen gives devices away while it boots: change the device tree and reboot'];
  if (owners.down !== null) return ['reboot', add];
  const { standing, domid } = standingOf(world, device);
  const steps: string[] = [];
  if (owners.settled && owners.owner === null && owners.toolstack !== null) steps.push('xl create domd');
  if (domid !== null && world.domains[domid] !== undefined) steps.push(`xl destroy ${domid}`);
  // The end of a guest takes its keys along, where it gets that far.
  const keys = [libxlPath(device, 'domid'), ...(domid === null ? [] : [backendNode(world, domid)])];
  for (const key of keys) if (world.xenstore.nodes[key] !== undefined) steps.push(`xenstore-rm ${key}`);
  if (!world.pciback.running && !isListed(world, device)) steps.push('modprobe xen-pciback');
  if (standing !== 'assignable') steps.push(add);
  if (isOutOfReach(world)) steps.push(`# no guest gets it: xl has no way to the files of d${owners.owner}`);
  return steps;
}

/** The owner of the hardware is not the toolstack's domain, and there never was a channel. @source facts/dom0 12.3 */
const isOutOfReach = ({ owners, vchan }: ReadonlyWorld): boolean =>
  owners.settled && owners.owner !== null && owners.owner !== owners.toolstack && vchan.phase === 'absent';

/** A guest's backend directory, below whichever home it stands; domain 0 where there is none. */
function backendNode({ xenstore: { nodes } }: ReadonlyWorld, domid: number): string {
  const homes = nodes['/local/domain']?.children ?? [];
  const home = homes.find((one) => nodes[backendPath(domid, Number(one))] !== undefined);
  return backendPath(domid, Number(home ?? '0'));
}

/** What Xen, the hardware domain's kernel and XenStore each say of a device, for people. */
export function ledgerOf(
  world: ReadonlyWorld,
  device: Dom0Sbdf,
): {
  readonly standing: DeviceStanding;
  readonly xen: string;
  readonly kernel: string;
  readonly store: string;
} {
  const owner = world.xen.devices[device]?.owner;
  const mark = world.marks[device] === true ? ', marked assignable' : '';
  const held = world.linux.devices[device];
  const exported = world.pciback.devices[device]?.exportedTo ?? null;
  const key = (name: string): string | null => world.xenstore.nodes[libxlPath(device, name)]?.value ?? null;
  const [claim, driver, listed, stored] = [
    key('domid'),
    key('driver_path'),
    key('assignable'),
    storedFor(world, device),
  ];
  const store = [
    claim === null ? null : `claimed for d${claim}`,
    listed === null ? null : 'listed as assignable',
    driver === null ? null : `driver was ${driver.slice(driver.lastIndexOf('/') + 1)}`,
    stored === null ? null : `backend keys of d${stored}`,
  ].filter((one) => one !== null);
  return {
    standing: standingOf(world, device).standing,
    xen: `${owner === undefined ? 'unknown' : owner === null ? 'nobody' : owner === domids.IO ? 'quarantine' : `d${owner}`}${mark}`,
    kernel: `${held === undefined ? 'not there' : (held.driver ?? 'no driver')}${exported === null ? '' : `, exported to d${exported}`}`,
    store: store.length === 0 ? 'nothing' : store.join(', '),
  };
}
