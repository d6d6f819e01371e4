import { domids } from '../base/domid.js';
import { deviceOwner } from '../models/xen/driver-domain.js';
import type { FunctionId } from '../pci/function-id.js';
import { type Dom0Sbdf, formatSbdf, parseSbdf } from '../pci/sbdf.js';
import { dom0Name } from './names.js';
import type { Rule, Watcher, Watching } from './rule.js';

/** `nvme of d0` where a driver of the host has a device that Xen keeps in quarantine; null elsewhere. */
function driverInQuarantine({ state }: Watching, device: Dom0Sbdf): string | null {
  const driver = state.linux.devices[device]?.driver ?? null;
  if (driver === null || driver === 'pciback') return null;
  if (state.xen.devices[device]?.owner !== domids.IO) return null;
  return `${driver} of d${deviceOwner({ state }) ?? '?'}`;
}

/**
 * A device between two owners with a driver that takes it for its own. @source facts/xen 7.2 (quarantine); facts/dom0
 * 8.3, 8.4: only `pci-assignable-remove` with pciback's list deassigns a device from dom_io
 */
export const drivenInQuarantine: Rule = {
  code: 'ASG-016',
  severity: 'error',
  title: 'A host driver uses a device in quarantine',
  doc: 'Xen keeps the device in quarantine and a driver of the host is bound to it: registers answer, and no request of the device reaches memory.',
  watch: (): Watcher => {
    const sent = new Set<Dom0Sbdf>();
    /** Who sent the request at hand: records of an SMMU name a stream. */
    let sender: FunctionId | null = null;
    const say = (
      watching: Watching,
      device: Dom0Sbdf,
      text: (driver: string, name: string) => string,
    ): void => {
      const driver = driverInQuarantine(watching, device);
      if (driver === null) return;
      watching.report({
        message: text(driver, formatSbdf(device)),
        function: (watching.state.linux.devices[device]?.function ?? null) as FunctionId | null,
        dom0Name: device,
        evidence: { driver, owner: domids.IO },
      });
    };
    const ends = (watching: Watching, fn: FunctionId, how: string): void => {
      const device = dom0Name(watching.state, watching.env, fn);
      if (device === null || sent.has(device) || driverInQuarantine(watching, device) === null) return;
      sent.add(device);
      say(watching, device, (driver, name) => `a request of ${name} for ${driver} ${how}`);
    };
    return {
      'device.assigned': ({ data }, watching) =>
        say(
          watching,
          data.sbdf as number as Dom0Sbdf,
          (driver, name) => `${name} went into quarantine under ${driver}`,
        ),
      'linux.driver-changed': ({ data }, watching) => {
        sent.delete(data.sbdf);
        say(watching, data.sbdf, (driver, name) => `${driver} took ${name}, which is in quarantine`);
      },
      'toolstack.finished': ({ data }, watching) => {
        const job = watching.state.toolstack.jobs[data.job];
        const device = job?.op === 'assignable-remove' ? parseSbdf<Dom0Sbdf>(job.devices[0] ?? '') : null;
        if (device === null || data.rc !== 0) return;
        say(
          watching,
          device,
          (driver, name) => `xl took ${name} off the list and left it in quarantine, with ${driver} on it`,
        );
      },
      'dma.attempted': ({ data }) => {
        sender = data.function;
      },
      'msi.written': () => {
        sender = null;
      },
      'iommu.faulted': (_event, watching) => {
        if (sender !== null) ends(watching, sender, 'was stopped in quarantine');
      },
      'vtd.faulted': ({ data }, watching) => ends(watching, data.function, 'faulted in quarantine'),
      'dma.discarded': ({ data }, watching) => {
        if (data.why === 'scratch-page') ends(watching, data.function, 'ended in the scratch page');
      },
    };
  },
};
