import { usbLeft, usbRegion, usbRight } from './functions.js';
import { boot, destroy, domctl, guest, run, settle } from './parts.js';
import type { Symptom } from './symptom.js';
import { touch } from './touch.js';

/** Where the left controller has its registers. */
const LEFT_FRAME = 0xf7d1a;

/** Devices whose firmware wants memory of its own. @source facts/dom0 Appendix C 5, 8.9; facts/xen 7.2 */
export const reservedMemory: readonly Symptom[] = [
  {
    name: 'xc-assign-device-not-permitted',
    title: 'xc_assign_device failed: Operation not permitted',
    source: 'facts/dom0 Appendix C 5, 8.9; QubesOS #3263, #2530',
    shows:
      'Two USB controllers share reserved memory: pci-assignable-add is let through with a warning, because it asks relaxed; the guest asks strict and Xen refuses. With rdm_policy=relaxed the guest gets the device, and the memory of both.',
    expects: ['ASG-012', 'IRQ-005'],
    devices: [usbLeft, usbRight],
    regions: [usbRegion],
    *story(machine) {
      yield* boot([usbLeft, usbRight], { drivers: true });
      yield* run(machine, 'assignable-add', null, usbLeft.name);
      yield* guest(1, 'hvm', 'sys-usb');
      yield* run(machine, 'create', 1, `${usbLeft.name},rdm_policy=strict`);
      yield* destroy(machine, 1);
      yield* guest(2, 'hvm', 'sys-usb');
      yield* run(machine, 'create', 2, `${usbLeft.name},rdm_policy=relaxed`);
      yield* settle(machine);
      yield* destroy(machine, 2);
    },
  },
  {
    name: 'failed-attach-leaves-its-grants',
    title: 'xl pci-attach failed, and the guest may use the registers',
    source: 'libxl_pci.c (pci_add_dm_done: nothing is taken back); facts/dom0 8.5',
    shows:
      'A hot attach grants frames and interrupt, then Xen refuses the device. libxl reports the error and leaves the grants: the guest maps the registers of a device in quarantine and uses it, with no IOMMU entry for it.',
    expects: ['ASG-012', 'ASG-002', 'ASG-015', 'IRQ-005'],
    devices: [usbLeft, usbRight],
    regions: [usbRegion],
    *story(machine) {
      yield* boot([usbLeft, usbRight], { drivers: true });
      yield* run(machine, 'assignable-add', null, usbLeft.name);
      yield* guest(1, 'hvm', 'sys-usb');
      yield* run(machine, 'create', 1, '');
      yield* settle(machine);
      yield* run(machine, 'attach', 1, `${usbLeft.name},rdm_policy=strict`);
      yield* domctl('memory_mapping', 1, {
        first_gfn: 0xf2000,
        first_mfn: LEFT_FRAME,
        nr_mfns: 1,
        add_mapping: 1,
      });
      yield* touch(1, 'memory', LEFT_FRAME * 4096 + 0x20, 'write');
      yield* destroy(machine, 1);
    },
  },
];
