import type { DomainId } from '../../base/brand.js';
import type { MachineView } from '../../machine/program.js';
import type { Job } from '../../state/toolstack.js';
import { e1000e, nvme } from './functions.js';
import { bootSystem, command, turns } from './neutral.js';
import { type DeviceModelAnswer, guest, type Part, start, willing } from './parts.js';
import { guestWithStubdom, qemuInStubdom } from './stub-domains.js';
import type { Symptom } from './symptom.js';

const GUEST = 2;
const STUBDOM = 3;
const proposed = { 'hardware-domain': 'domd', 'driver-domain': 'proposed' } as const;
const source = 'thread of 2020, facts/dom0 12.3, 8.5 steps 8 and 10; QEMU hw/xen/xen-host-pci-device.c';

/** Everybody gets turns, and the device model answers, until the command has ended or nobody moves. */
function* withModel(machine: MachineView, job: number, model: DeviceModelAnswer): Part {
  for (let turn = 0; turn < 90; turn++) {
    const state = machine.state.toolstack.jobs[job] as Readonly<Job> | undefined;
    if (state === undefined || state.next === null) return;
    const answer = state.waits === 'qmp' || state.waits === 'removal' ? model(state) : 'nothing';
    if (answer !== 'nothing') yield { kind: 'toolstack.answered', by: 'dm:qemu', data: { job, ...answer } };
    else yield* turns(1, STUBDOM, job);
  }
}

/**
 * Everybody gets turns until the command stands before a step or has ended. Where a turn of everybody leaves it where
 * it was, its wait runs out, as libxl's waits do.
 * @source tools/libs/light/libxl_internal.h (LIBXL_QMP_CMD_TIMEOUT, LIBXL_DEVICE_MODEL_START_TIMEOUT) of Xen 4.20
 */
function* untilStep(machine: MachineView, job: number, step: string): Part {
  for (let turn = 0; turn < 90; turn++) {
    const before = machine.state.toolstack.jobs[job] as Readonly<Job> | undefined;
    if (before === undefined || before.next === null || before.next === step) return;
    const { next, waits } = before;
    yield* turns(1, STUBDOM, job);
    const after = machine.state.toolstack.jobs[job] as Readonly<Job>;
    if (after.next === next && after.waits === waits && waits !== 'no')
      yield { kind: 'toolstack.timed-out', by: 'toolstack', data: { job } };
  }
}

/** HVM guests of a toolstack that has no hardware. */
export const farDeviceModels: readonly Symptom[] = [
  {
    name: 'qemu-without-the-hardware',
    title: "Could not open '/sys/bus/pci/devices/0000:01:00.0/config', with the hardware in a driver domain",
    source,
    shows:
      "The channel answers libxl, and QEMU is not libxl: it opens the device's `config` in the domain it runs in, which is the toolstack's and has no such device. An HVM guest without a stub domain gets nothing, before anything is granted; a PV guest gets the same disk.",
    devices: [nvme],
    policies: proposed,
    *story(machine) {
      yield* bootSystem([nvme]);
      yield* command(machine, 'assignable-add', null, nvme.name);
      yield* guest(GUEST, 'hvm', 'guest2');
      const job = yield* start(machine, 'create', GUEST, nvme.name);
      yield* withModel(machine, job, willing());
      yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: GUEST as DomainId } };
      yield* guest(4, 'pv', 'guest4');
      yield* command(machine, 'create', 4, nvme.name);
    },
  },
  {
    name: 'stub-domain-reaches-the-driver-domain',
    title: 'An HVM guest gets a device of a driver domain through its stub domain',
    source,
    shows:
      "QEMU in a stub domain opens files that its pcifront has made, and that is served by pciback of whichever domain has the hardware. With keys below the driver domain this works without a file in the toolstack's domain.",
    expects: ['IRQ-005'],
    devices: [e1000e],
    policies: proposed,
    *story(machine) {
      yield* bootSystem([e1000e], undefined, { passthrough: true });
      yield* command(machine, 'assignable-add', null, e1000e.name);
      yield* guestWithStubdom(GUEST, STUBDOM, 'guest2');
      const model = qemuInStubdom(machine, e1000e, STUBDOM);
      const job = yield* start(machine, 'create', GUEST, e1000e.name);
      yield* untilStep(machine, job, 'stub-connected');
      yield { kind: 'pcifront.probed', by: `d${STUBDOM}`, data: { domid: STUBDOM as DomainId, magic: '7' } };
      yield* turns(12, STUBDOM);
      yield* withModel(machine, job, model);
      const last = yield* start(machine, 'destroy', GUEST, '');
      yield* withModel(machine, last, model);
      for (const domid of [GUEST, STUBDOM] as const)
        yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: domid as DomainId } };
      yield* turns(6, STUBDOM);
    },
  },
];
