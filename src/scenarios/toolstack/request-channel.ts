import type { DomainId } from '../../base/brand.js';
import type { MachineView } from '../../machine/program.js';
import type { GuestSbdf } from '../../pci/sbdf.js';
import type { Job } from '../../state/toolstack.js';
import { nvme } from './functions.js';
import { bootOwner, bootSystem, command, turns } from './neutral.js';
import { echo, guest, type Part, start } from './parts.js';
import type { Symptom } from './symptom.js';

const thread = 'thread of 2020, facts/dom0 12.3; tools/libs/vchan of Xen';
const all = [nvme];
const proposed = { 'hardware-domain': 'domd', 'driver-domain': 'proposed' } as const;
const d2 = 2 as DomainId;

/** Steps a command, and answers it, until it waits for an answer to a request of that kind. */
function* untilAsked(machine: MachineView, job: number, verb: string): Part {
  for (let turn = 0; turn < 60; turn++) {
    const state = machine.state.toolstack.jobs[job] as Readonly<Job> | undefined;
    if (state === undefined || state.next === null) return;
    if (state.waits !== 'channel') {
      yield { kind: 'toolstack.stepped', by: 'toolstack', data: { job } };
      continue;
    }
    if (machine.state.vchan.requests[0]?.verb === verb) return;
    yield { kind: 'vchan.served', by: 'owner', data: {} };
    yield { kind: 'vchan.delivered', by: 'toolstack', data: {} };
  }
}

/** One turn of the command alone: it sends its request. */
function* ask(machine: MachineView, op: 'assignable-add', guestId: null): Part<number> {
  const job = yield* start(machine, op, guestId, nvme.name);
  for (let turn = 0; turn < 20 && machine.state.toolstack.jobs[job]?.waits !== 'channel'; turn++)
    yield { kind: 'toolstack.stepped', by: 'toolstack', data: { job } };
  return job;
}

/** Device Control of the disk's PCI Express capability; pciback has no field for it. */
const DEVICE_CONTROL = 0x88;
const WRITE_CONFIG = 1;

/** A guest writes a register through pciback of the owner. */
function* write(domid: number, offset: number, value: number): Part {
  const data = { domid: domid as DomainId };
  yield {
    kind: 'pciif.submitted',
    by: `d${domid}`,
    data: { ...data, cmd: WRITE_CONFIG, sbdf: 0 as GuestSbdf, offset, size: 2, value },
  };
  yield { kind: 'pciif.taken', by: 'owner', data };
  yield { kind: 'pciif.served', by: 'owner', data };
}

/** What can go wrong between a toolstack and the domain that has the hardware. All of it is a proposal. */
export const requestChannel: readonly Symptom[] = [
  {
    name: 'late-hardware-domain-owns-nothing',
    title: 'Dom0 owning 0000:01:00.0?',
    source: 'xen/common/domain.c (late_hwdom_init); facts/dom0 12.3',
    shows:
      'hardware_dom=1: Xen swaps what the two domains may use, but leaves every device with domain 0. Even with a channel to bind the device there, it cannot be put into quarantine, and no guest gets it.',
    expects: ['ASG-010'],
    devices: all,
    policies: { 'hardware-domain': 'domd', 'driver-domain': 'channel' },
    *story(machine) {
      yield* bootSystem(all);
      yield* command(machine, 'assignable-add', null, nvme.name);
      yield* guest(2, 'pv', 'guest2');
      yield* command(machine, 'create', 2, nvme.name);
    },
  },
  {
    name: 'backend-keys-below-domain-0',
    title: 'The driver domain never sees the backend of its guest',
    source: thread,
    shows:
      'libxl writes backend domid 0. Everything is granted and assigned, and pciback in the driver domain, which watches its own home, is never woken: the guest waits for good.',
    expects: ['PV-003'],
    devices: all,
    policies: { 'hardware-domain': 'domd', 'driver-domain': 'backend-0' },
    *story(machine) {
      yield* bootSystem(all);
      yield* command(machine, 'assignable-add', null, nvme.name);
      yield* guest(2, 'pv', 'guest2');
      yield* command(machine, 'create', 2, nvme.name);
      yield { kind: 'pcifront.probed', by: 'd2', data: { domid: d2, magic: '7' } };
      yield* turns(12, 2);
      yield* command(machine, 'detach', 2, nvme.name);
    },
  },
  {
    name: 'driver-domain-serves-a-guest',
    title: 'A driver domain passes its disk on through the channel',
    source: thread,
    shows:
      'The whole proposal: the channel carries bind, list, reset, resources and irq, the keys stand below the driver domain, its pciback serves the guest; shutdown and giving back work too.',
    devices: all,
    policies: proposed,
    *story(machine) {
      yield* bootSystem(all);
      yield* command(machine, 'assignable-add', null, nvme.name);
      yield* guest(2, 'pv', 'guest2');
      yield* command(machine, 'create', 2, nvme.name);
      yield { kind: 'pcifront.probed', by: 'd2', data: { domid: d2, magic: '7' } };
      yield* turns(12, 2);
      yield* command(machine, 'detach', 2, nvme.name);
      yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: d2 } };
      yield* command(machine, 'assignable-remove', null, nvme.name, { rebind: true });
    },
  },
  {
    name: 'permissive-and-seize-over-the-channel',
    title: "pci=[ '01:00.0,permissive=1,seize=1' ] with the hardware in a driver domain",
    source: `${thread}; facts/dom0 8.5 steps 4 and 12`,
    shows:
      "Nobody made the disk assignable. libxl asks the driver domain for pciback's list and to bind what is not on it, and, before it assigns the disk, to make it permissive: each request says which option asks, the driver domain writes its own files. The guest then writes a register pciback would keep to itself. A second guest finds the disk permissive still.",
    devices: all,
    policies: proposed,
    *story(machine) {
      yield* bootSystem(all);
      yield* guest(2, 'pv', 'guest2');
      yield* command(machine, 'create', 2, `${nvme.name},permissive=1,seize=1`);
      yield { kind: 'pcifront.probed', by: 'd2', data: { domid: d2, magic: '7' } };
      yield* turns(12, 2);
      yield* write(2, DEVICE_CONTROL, 0x2936);
      yield* command(machine, 'detach', 2, nvme.name);
      yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: d2 } };
      yield* guest(3, 'pv', 'guest3');
      yield* command(machine, 'create', 3, `${nvme.name},seize=1`);
      yield { kind: 'pcifront.probed', by: 'd3', data: { domid: 3 as DomainId, magic: '7' } };
      yield* turns(12, 3);
      yield* write(3, DEVICE_CONTROL, 0x5936);
    },
  },
  {
    name: 'setting-permissive-for-device-enodev',
    title: 'Setting permissive for device (-ENODEV)',
    source: `${thread}; facts/dom0 4.3, 8.5 step 12`,
    shows:
      'Between two requests of a creation somebody in the driver domain takes the disk from pciback. Its answer to `permissive` is that there is no such device: libxl takes its claim back, and what it had granted stays with the guest. A `seize` has nothing to ask where pciback is not loaded: no list counts as listed, and the disk is not assignable.',
    expects: ['ASG-016'],
    devices: all,
    policies: proposed,
    *story(machine) {
      yield* bootSystem(all);
      yield* command(machine, 'assignable-add', null, nvme.name);
      yield* guest(2, 'pv', 'guest2');
      const job = yield* start(machine, 'create', 2, `${nvme.name},permissive=1`);
      yield* untilAsked(machine, job, 'permissive');
      yield* echo(nvme.name, '/sys/bus/pci/drivers/pciback/unbind');
      yield* turns(6, 2, job);
      yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: d2 } };
      yield { kind: 'owner.ended', by: 'owner', data: { how: 'it was updated and restarted' } };
      yield { kind: 'system.booted', by: 'xen', data: { dom0: 0 as DomainId, domd: 1 as DomainId } };
      yield* bootOwner(all, undefined, null);
      yield* guest(3, 'pv', 'guest3');
      yield* command(machine, 'create', 3, `${nvme.name},seize=1`);
    },
  },
  {
    name: 'answer-lost-driver-forgotten',
    title: "Couldn't bind device to pciback! (-ETIMEDOUT), and nobody knows the driver any more",
    source: thread,
    shows:
      'The server dies after it has bound the device and before it answers. libxl gives up; pciback has the device, and the name of its former driver, which only the answer carried, is lost.',
    devices: all,
    policies: proposed,
    *story(machine) {
      yield* bootSystem(all);
      const job = yield* ask(machine, 'assignable-add', null);
      yield { kind: 'vchan.lost', by: 'owner', data: { done: true } };
      yield { kind: 'toolstack.timed-out', by: 'toolstack', data: { job } };
      yield { kind: 'vchan.offered', by: 'owner', data: { version: 1, ringBytes: 1024 } };
      yield { kind: 'vchan.dialled', by: 'toolstack', data: { version: 1 } };
      yield* command(machine, 'assignable-add', null, nvme.name);
      yield* command(machine, 'assignable-remove', null, nvme.name, { rebind: true });
    },
  },
  {
    name: 'answer-comes-too-late',
    title: 'The command has failed, and then the device is bound after all',
    source: thread,
    shows:
      'The server is slow. libxl gives up waiting; the request still stands in the ring, is carried out, and its answer finds nobody.',
    devices: all,
    policies: proposed,
    *story(machine) {
      yield* bootSystem(all);
      const job = yield* ask(machine, 'assignable-add', null);
      yield { kind: 'toolstack.timed-out', by: 'toolstack', data: { job } };
      yield { kind: 'vchan.served', by: 'owner', data: {} };
      yield { kind: 'vchan.delivered', by: 'toolstack', data: {} };
    },
  },
  {
    name: 'channel-of-another-version',
    title: 'the server speaks version 2, the client 1',
    source: thread,
    shows:
      'The two ends do not agree on a version; the server closes, and every command ends with a broken pipe.',
    devices: all,
    policies: proposed,
    *story(machine) {
      yield { kind: 'system.booted', by: 'xen', data: { dom0: 0 as DomainId, domd: 1 as DomainId } };
      yield* bootOwner(all, { version: 2, ringBytes: 1024 });
      yield* command(machine, 'assignable-add', null, nvme.name);
    },
  },
  {
    name: 'ring-without-room-for-an-answer',
    title: 'A request is never answered: the ring is too small',
    source: thread,
    shows:
      'The seven lines of `resource` do not fit into the ring. The server waits for room that never comes, and so does the command.',
    devices: all,
    policies: proposed,
    *story(machine) {
      yield { kind: 'system.booted', by: 'xen', data: { dom0: 0 as DomainId, domd: 1 as DomainId } };
      yield* bootOwner(all, { version: 1, ringBytes: 256 });
      const job = yield* ask(machine, 'assignable-add', null);
      for (let turn = 0; turn < 2; turn++) yield { kind: 'vchan.served', by: 'owner', data: {} };
      yield { kind: 'toolstack.timed-out', by: 'toolstack', data: { job } };
    },
  },
  {
    name: 'driver-domain-dies-during-attach',
    title: 'request channel: no answer in time',
    source: thread,
    shows:
      'The driver domain crashes while a guest is being created. Its byte in the ring still says open, so nobody is told; the command waits, gives up and takes its claim back.',
    devices: all,
    policies: proposed,
    *story(machine) {
      yield* bootSystem(all);
      yield* command(machine, 'assignable-add', null, nvme.name);
      yield* guest(2, 'pv', 'guest2');
      const job = yield* start(machine, 'create', 2, nvme.name);
      yield* untilAsked(machine, job, 'resources');
      yield { kind: 'owner.ended', by: 'owner', data: { how: 'its kernel crashed' } };
      yield* turns(4, 2, job);
      yield { kind: 'toolstack.timed-out', by: 'toolstack', data: { job } };
      yield* turns(4, 2, job);
    },
  },
  {
    name: 'restarted-driver-domain-takes-the-disk-back',
    title: 'After its restart the driver domain uses the disk of a guest',
    source: thread,
    shows:
      'The list was the memory of its pciback and is gone. Xen still has the device with the guest; the new Linux finds it on its bus, and its disk driver binds.',
    expects: ['ASG-014'],
    devices: all,
    policies: proposed,
    *story(machine) {
      yield* bootSystem(all);
      yield* command(machine, 'assignable-add', null, nvme.name);
      yield* guest(2, 'pv', 'guest2');
      yield* command(machine, 'create', 2, nvme.name);
      yield { kind: 'pcifront.probed', by: 'd2', data: { domid: d2, magic: '7' } };
      yield* turns(12, 2);
      yield { kind: 'owner.ended', by: 'owner', data: { how: 'it was updated and restarted' } };
      yield* bootSystem(all);
      yield* command(machine, 'assignable-list', null, '');
    },
  },
];
