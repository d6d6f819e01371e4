import { functionOf, nvme } from './functions.js';
import { boot, connect, connectedGuest, destroy, guest, type Part, run, settle } from './parts.js';
import type { Symptom } from './symptom.js';

/** The disk will not survive its next reset. */
function* hangs(): Part {
  yield { kind: 'device.hung', by: 'hw', data: { function: functionOf(nvme), hangs: 'at-reset' } };
}

/** Devices that do not come back. @source facts/dom0 11.1 */
export const hungDevices: readonly Symptom[] = [
  {
    name: 'not-ready-after-flr-giving-up',
    title: 'not ready 65535ms after FLR; giving up',
    source: 'facts/dom0 11.1, 11.4; drivers/pci/pci.c of Linux (pci_dev_wait)',
    shows:
      'A disk does not come back from the reset when its guest ends. pciback gives up after a minute and goes on as if nothing were. Xen remembers that the disk has MSI-X and reads its mask bit out of hardware that answers with ones: it refuses to assign the disk again.',
    expects: [],
    before: { lacking: 'xen-as-released', expects: ['ASG-018'] },
    devices: [nvme],
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, 1, [nvme]);
      yield* hangs();
      yield* destroy(machine, 1);
      yield* guest(2, 'pv', 'guest2');
      yield* run(machine, 'create', 2, nvme.name);
      yield* settle(machine);
      yield* connect(machine, 2);
      yield* destroy(machine, 2);
      yield* run(machine, 'assignable-remove', null, nvme.name, { rebind: true });
    },
  },
];
