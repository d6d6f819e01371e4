import { domids, ownerText } from '../base/domid.js';
import type { EventOf } from '../events/catalogue.js';
import type { Context } from '../models/context.js';
import { assignableSet } from '../models/linux/groups/groups.js';
import { topologyOf } from '../models/linux/groups/topology.js';

import type { FunctionId } from '../pci/function-id.js';
import { type Dom0Sbdf, formatSbdf, parseSbdf, segmentOf } from '../pci/sbdf.js';
import { drivenInQuarantine } from './driven-in-quarantine.js';

import { outsideGrants } from './outside-grants.js';
import type { Rule, Watching } from './rule.js';

/** Models read the world through a context; a rule has the same two things and emits nothing. */
const asContext = ({ state, env }: Watching): Context => ({ state, env }) as unknown as Context;

const functionOf = ({ state }: Watching, device: number): FunctionId | null =>
  (state.linux.devices[device]?.function ?? null) as FunctionId | null;

const claimOf = ({ state }: Watching, device: Dom0Sbdf): string | null => {
  const name = formatSbdf(device).replace(/[:.]/g, '-');
  return state.xenstore.nodes[`/libxl/pci/${name}/domid`]?.value ?? null;
};

/** Devices that xl gave to a guest when a command ended well. */
function given(event: EventOf<'toolstack.finished'>, watching: Watching): readonly Dom0Sbdf[] {
  const job = watching.state.toolstack.jobs[event.data.job];
  if (event.data.rc !== 0 || (job?.op !== 'create' && job?.op !== 'attach')) return [];
  return Object.entries(watching.state.xen.devices)
    .filter(([, device]) => device.owner === job.domid)
    .map(([name]) => Number(name) as Dom0Sbdf);
}

const partialGroup: Rule = {
  code: 'ASG-005',
  severity: 'error',
  title: 'Part of an IOMMU group went to a guest',
  doc: 'Functions that can reach each other past the IOMMU have different owners: one of them can read and write the memory of the other.',
  watch: () => ({
    'toolstack.finished': (event, watching) => {
      for (const device of given(event, watching)) {
        const owner = watching.state.xen.devices[device]?.owner ?? null;
        const nodes = topologyOf(asContext(watching), segmentOf(device));
        const left = assignableSet(nodes, device).filter((other) => {
          const theirs = watching.state.xen.devices[other]?.owner ?? null;
          return theirs !== owner && theirs !== domids.IO;
        });
        const quarantined = assignableSet(nodes, device).filter(
          (other) => watching.state.xen.devices[other]?.owner === domids.IO,
        );
        if (left.length + quarantined.length === 0) continue;
        const others = [...left, ...quarantined].map((other) => formatSbdf(other as Dom0Sbdf));
        watching.report({
          message: `${formatSbdf(device)} went to d${owner ?? '?'} without ${others.join(', ')} of its group`,
          function: functionOf(watching, device),
          dom0Name: device,
          evidence: { owner, left: others },
        });
      }
    },
  }),
};

const siblingsLeft: Rule = {
  code: 'ASG-006',
  severity: 'warning',
  title: 'Sibling functions were left behind',
  doc: 'A guest got one function of a multifunction device and others stayed with another owner: resets and shared registers of the device reach both.',
  watch: () => ({
    'toolstack.finished': (event, watching) => {
      for (const device of given(event, watching)) {
        const owner = watching.state.xen.devices[device]?.owner ?? null;
        const siblings = Object.keys(watching.state.linux.devices)
          .map((key) => Number(key) as Dom0Sbdf)
          .filter((other) => other !== device && other >>> 3 === device >>> 3)
          .filter((other) => watching.state.xen.devices[other]?.extfn !== 'virtfn')
          .filter((other) => watching.state.xen.devices[other]?.owner !== owner);
        if (siblings.length === 0) continue;
        watching.report({
          message: `${formatSbdf(device)} went to ${ownerText(owner)}; ${siblings.map(formatSbdf).join(', ')} of the same device did not`,
          function: functionOf(watching, device),
          dom0Name: device,
          evidence: { owner, siblings: siblings.map(formatSbdf) },
        });
      }
    },
  }),
};

const driverNotRestored: Rule = {
  code: 'ASG-007',
  severity: 'warning',
  title: 'A device has lost its driver',
  doc: 'xl remembers which driver a device had, and the device has none and is not in pciback either: Dom0 does not use it any more.',
  watch: () => ({
    'toolstack.finished': ({ data }, watching) => {
      const job = watching.state.toolstack.jobs[data.job];
      if (job?.op !== 'assignable-remove' && job?.op !== 'assignable-add') return;
      const device = parseSbdf<Dom0Sbdf>(job.devices[0] ?? '');
      const held = device === null ? undefined : watching.state.linux.devices[device];
      if (device === null || held === undefined || held.driver !== null) return;
      const key = `/libxl/pci/${formatSbdf(device).replace(/[:.]/g, '-')}/driver_path`;
      const driver = watching.state.xenstore.nodes[key]?.value;
      if (driver === undefined) return;
      watching.report({
        message: `${formatSbdf(device)} had ${driver} and has no driver now`,
        function: functionOf(watching, device),
        dom0Name: device,
        evidence: { driver, command: job.op, rc: data.rc },
      });
    },
  }),
};

const twoPermissives: Rule = {
  code: 'ASG-008',
  severity: 'warning',
  title: 'pciback and the device model disagree about permissive',
  doc: "The switch in pciback's sysfs does not reach QEMU, which filters configuration writes of its own; only the option in the configuration sets both.",
  watch: () => ({
    'toolstack.asked': ({ data }, watching) => {
      if (data.command !== 'device_add') return;
      const device = parseSbdf<Dom0Sbdf>(String(data.args['hostaddr'] ?? ''));
      const stub = device === null ? undefined : watching.state.pciback.devices[device];
      const inModel = data.args['permissive'] === true;
      // The option of the configuration reaches pciback a few steps later.
      if (device === null || stub === undefined || !stub.permissive || inModel) return;
      watching.report({
        message: `${formatSbdf(device)} is permissive in pciback and restricted in the device model`,
        function: functionOf(watching, device),
        dom0Name: device,
        evidence: { pciback: true, deviceModel: inModel },
      });
    },
  }),
};

const staleClaim: Rule = {
  code: 'ASG-009',
  severity: 'error',
  title: 'A device is claimed for a domain that does not use it',
  doc: 'The key /libxl/pci/<bdf>/domid is libxl\'s word for "taken"; it outlived the command that wrote it, so the device is neither in use nor assignable.',
  watch: () => ({
    'toolstack.logged': ({ data }, watching) => {
      const match = /^PCI device ([0-9a-f]+):([0-9a-f]+):([0-9a-f]+)\.([0-7]) is not assignable$/.exec(
        data.text,
      );
      if (match === null) return;
      const device = parseSbdf<Dom0Sbdf>(
        `${match[1]!.padStart(4, '0')}:${match[2]!.padStart(2, '0')}:${match[3]!.padStart(2, '0')}.${match[4]}`,
      );
      const stub = device === null ? undefined : watching.state.pciback.devices[device];
      if (device === null || stub === undefined || stub.exportedTo !== null) return;
      const claim = claimOf(watching, device);
      if (claim === null) return;
      const owner = watching.state.xen.devices[device]?.owner ?? null;
      const lives = watching.state.domains[Number(claim)] !== undefined;
      watching.report({
        message: `${formatSbdf(device)} is claimed for d${claim}, ${lives ? 'whose keys do not name it' : 'which does not exist'}; to Xen it belongs to ${ownerText(owner)}`,
        function: functionOf(watching, device),
        dom0Name: device,
        evidence: { claim: Number(claim), owner, lives },
      });
    },
  }),
};

/** A guest has a device in Xen, and a driver of the hardware domain's Linux has it too. */
function usedTwice(watching: Watching, device: Dom0Sbdf, owner: number | null): void {
  const { state } = watching;
  const held = state.linux.devices[device];
  if (!state.owners.settled || owner === null || held === undefined) return;
  if (held.driver === null || held.driver === 'pciback') return;
  const domain = state.domains[owner];
  if (domain === undefined || domain.hardware || domain.privileged) return;
  watching.report({
    message: `${formatSbdf(device)} belongs to ${ownerText(owner)}, and ${held.driver} of d${state.owners.owner ?? '?'} drives it`,
    function: functionOf(watching, device),
    dom0Name: device,
    evidence: { owner, driver: held.driver },
  });
}

const hostDriverStays: Rule = {
  code: 'ASG-014',
  severity: 'error',
  title: 'A host driver uses the device of a guest',
  doc: "Nobody took the device from its driver before a guest got it, or a driver bound to it afterwards: both write its registers, and the driver's DMA goes through the guest's tables.",
  watch: () => ({
    'device.assigned': ({ data }, watching) => usedTwice(watching, data.sbdf as number as Dom0Sbdf, data.to),
    'linux.driver-changed': ({ data }, watching) =>
      usedTwice(watching, data.sbdf, watching.state.xen.devices[data.sbdf]?.owner ?? null),
  }),
};

/** Rules about what a toolstack gives away and leaves behind: the 2008 and 2020 threads. @source facts/dom0 8, 10, 11 */
export const toolstackRules: readonly Rule[] = [
  siblingsLeft,
  partialGroup,
  driverNotRestored,
  twoPermissives,
  staleClaim,
  outsideGrants,
  hostDriverStays,
  drivenInQuarantine,
];
