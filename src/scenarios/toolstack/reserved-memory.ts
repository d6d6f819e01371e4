import { usbLeft, usbRegion, usbRight } from './functions.js';
import { boot, destroy, guest, run, settle } from './parts.js';
import type { Symptom } from './symptom.js';

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
];
