import type { DomainId } from '../../base/brand.js';
import { dma } from './dma.js';
import { nvme } from './functions.js';
import { memories, memoryOf } from './memories.js';
import { bootSystem, command } from './neutral.js';
import { boot, echo, guest, type Part, run, setpci } from './parts.js';
import type { Symptom } from './symptom.js';

/** The disk's driver switches bus mastering on and sends. */
function* diskWorks(): Part {
  yield* setpci(nvme, 4, 2, 0x0007);
  yield* dma(nvme, memoryOf(0) + 0x4000, 'read');
  yield* dma(nvme, memoryOf(0) + 0x4000);
}

const drivers = '/sys/bus/pci/drivers';

/** Devices that are back with the host's driver and still in Xen's quarantine. @source facts/xen 7.2, facts/dom0 8.4, 12.1 */
export const quarantined: readonly Symptom[] = [
  {
    name: 'dead-disk-after-assignable-remove',
    title: 'After pci-assignable-remove the disk is back, and every request faults',
    source: 'RFC of November 2020, facts/dom0 12.1; facts/xen 7.2',
    shows:
      "With the proposed flag in Xen a disk is listed, goes to a guest and comes back: detaching leaves it in quarantine. Taking it off the list clears the flag and nothing else, so its driver, which never let go, sends into quarantine. With a key in XenStore it is the same; with pciback's list xl gives the disk back to Dom0.",
    expects: ['ASG-014', 'ASG-016'],
    devices: [nvme],
    policies: { assignable: 'xen-flag' },
    *story(machine) {
      yield* bootSystem([nvme]);
      yield* memories(2);
      yield* diskWorks();
      yield* command(machine, 'assignable-add', null, nvme.name);
      yield* guest(2, 'hvm', 'guest2');
      yield* run(machine, 'create', 2, nvme.name);
      yield* run(machine, 'destroy', 2, nvme.name);
      yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: 2 as DomainId } };
      yield* command(machine, 'assignable-remove', null, nvme.name, { rebind: true });
      yield* diskWorks();
    },
  },
  {
    name: 'rebound-by-hand-in-quarantine',
    title: 'echo BDF > drivers/nvme/bind works, and the disk does not',
    source: 'facts/dom0 8.4; facts/xen 7.2',
    shows:
      'Somebody takes a disk from pciback through its files instead of `xl pci-assignable-remove`. The driver binds and reads registers; Xen was not told, keeps the disk in quarantine, and its first request faults.',
    expects: ['ASG-016'],
    devices: [nvme],
    *story(machine) {
      yield* boot([nvme], { drivers: true });
      yield* memories();
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* echo(nvme.name, `${drivers}/pciback/unbind`);
      yield* echo(nvme.name, `${drivers}/pciback/remove_slot`);
      yield* echo(nvme.name, `${drivers}/nvme/bind`);
      yield* diskWorks();
      yield* run(machine, 'assignable-remove', null, nvme.name);
      yield* diskWorks();
    },
  },
];
