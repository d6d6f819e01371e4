import { nvme, rtl8139, usbHigh, usbLow } from './functions.js';
import { boot, domctl, guest, type Part, run } from './parts.js';
import type { Symptom } from './symptom.js';
import { touch } from './touch.js';

/** Where the NVMe disk has its registers, and the network card its ports. */
const FRAMES = 0xfde00;
const PORTS = 0xc000;
/** Where both USB controllers have theirs. */
const SHARED_FRAME = 0xf7d1a;

/** What keeps other guests out of a device. @source thread of 2008; facts/xen 7.1 */
export const grants: readonly Symptom[] = [
  {
    name: 'outside-of-its-grants',
    title: 'xc_domain_memory_mapping failed: Operation not permitted',
    source: 'thread of 2008: what keeps other guests out; facts/xen 7.1, 2.3',
    shows:
      'Grants are per domain: the guest with the card may map its registers and ports, another guest neither registers, ports nor interrupt; and what Dom0 itself gave away to Xen nobody can be given.',
    expects: ['ASG-010'],
    devices: [nvme, rtl8139],
    *story(machine) {
      yield* boot([nvme, rtl8139]);
      for (const one of [nvme, rtl8139]) yield* run(machine, 'assignable-add', null, one.name);
      for (const domid of [1, 2]) yield* guest(domid, 'hvm', `guest${domid}`);
      yield* run(machine, 'create', 1, nvme.name);
      yield* run(machine, 'create', 2, rtl8139.name);
      yield* map(1, FRAMES);
      yield* map(2, FRAMES);
      yield* ports(2);
      yield* ports(1);
      // Registers of the local APICs are Xen's: Dom0 has no permission to pass on.
      yield* permit(1, 0xfee00);
    },
  },
  {
    name: 'two-devices-in-one-page',
    title: 'BARs of two devices share a page',
    source: 'thread of 2008; SUPPORT.md of Xen: BARs in one 4 KiB page are not security supported',
    shows:
      'Permissions are whole frames: the guest that gets the first controller may map the page that holds the registers of the second one too, which another guest has, and drive it.',
    expects: ['ASG-013', 'ASG-015'],
    devices: [usbLow, usbHigh],
    *story(machine) {
      yield* boot([usbLow, usbHigh]);
      for (const one of [usbLow, usbHigh]) yield* run(machine, 'assignable-add', null, one.name);
      for (const domid of [1, 2]) yield* guest(domid, 'hvm', `guest${domid}`);
      yield* run(machine, 'create', 1, usbLow.name);
      yield* run(machine, 'create', 2, usbHigh.name);
      // The first guest's device model maps the whole frame, as the BAR of its controller asks.
      yield* map(1, SHARED_FRAME, 1);
      yield* touch(1, 'memory', SHARED_FRAME * 4096 + 0x20);
      yield* touch(1, 'memory', SHARED_FRAME * 4096 + 0x420, 'write');
    },
  },
];

const map = (domid: number, mfn: number, count = 4): Part =>
  domctl('memory_mapping', domid, { first_gfn: 0xf2000, first_mfn: mfn, nr_mfns: count, add_mapping: 1 });
const ports = (domid: number): Part =>
  domctl('ioport_mapping', domid, { first_gport: PORTS, first_mport: PORTS, nr_ports: 256, add_mapping: 1 });
const permit = (domid: number, mfn: number): Part =>
  domctl('iomem_permission', domid, { first_mfn: mfn, nr_mfns: 1, allow_access: 1 });
