import type { DomainId } from '../../base/brand.js';
import type { MachineView } from '../../machine/program.js';
import type { Job } from '../../state/toolstack.js';
import { e1000e, packed, type Wired } from './functions.js';
import {
  boot,
  connect,
  type DeviceModelAnswer,
  destroy,
  finish,
  guest,
  type Part,
  run,
  settle,
  start,
  willing,
} from './parts.js';
import type { Symptom } from './symptom.js';

const GUEST = 1;
const STUBDOM = 2;
/** pciback shows the addresses of the host, where a QEMU before 9.1 looks for the device. */
const REAL_ADDRESSES = true;

/** Guests whose device model runs in a domain of its own. @source facts/dom0 Appendix C 9, 8.5 step 8, 8.8 */
export const stubDomains: readonly Symptom[] = [
  {
    name: 'stubdom-passthrough-life-cycle',
    title: 'A network card goes to a guest with a stub domain and comes back',
    source: 'facts/dom0 8.5 steps 8 and 10 to 14, 8.8',
    shows:
      'The stub domain gets permissions, interrupt and keys first, the guest permissions and the device: two domains may use the registers, one owns the device, and XenStore has the keys of the stub domain only.',
    expects: ['IRQ-005'],
    devices: [e1000e],
    *story(machine) {
      yield* bootWithStubdom(machine, REAL_ADDRESSES);
      const job = yield* start(machine, 'create', GUEST, e1000e.name);
      yield* until(machine, job, 'stub-connected');
      yield* connect(machine, STUBDOM);
      yield* finish(machine, job, qemuInStubdom(machine, e1000e));
      yield* end(machine);
    },
  },
  {
    name: 'retrying-pci-add',
    title: "Could not open '/sys/bus/pci/devices/0000:04:00.0/config' … Retrying PCI add 1",
    source: 'facts/dom0 Appendix C 9, 8.5 step 10; QubesOS #7717, libxl commit 0f4fd6b6d8',
    shows:
      'pciback says Connected before pcifront of the stub domain has looked at its bus: QEMU does not find the files, and libxl asks again every second until it does.',
    devices: [e1000e],
    *story(machine) {
      yield* bootWithStubdom(machine, REAL_ADDRESSES);
      const job = yield* start(machine, 'create', GUEST, e1000e.name);
      yield* until(machine, job, 'stub-connected');
      yield { kind: 'pcifront.probed', by: `d${STUBDOM}`, data: { domid: STUBDOM as DomainId, magic: '7' } };
      // Only the backend moves: the stub domain has a busy moment.
      while (machine.state.pciback.running && machine.state.pciback.wakes.length > 0)
        yield { kind: 'pciback.woke', by: 'd0', data: {} };
      const model = qemuInStubdom(machine, e1000e);
      yield* tryToAdd(machine, job, model, 3);
      yield* settle(machine);
      yield* finish(machine, job, model);
    },
  },
  {
    name: 'stubdom-sees-another-address',
    title: 'Retrying PCI add 10 … libxl__device_pci_add failed for PCI device 0:4:0.0 (rc -9)',
    source: 'facts/dom0 4.5, 8.5 steps 8 and 10; QEMU commit 196fb962ba (9.1)',
    shows:
      'With the virtual bus of pciback the card is 0000:00:00.0 in the stub domain, and a QEMU before 9.1 looks for the address of the host: ten tries, then the ten seconds are over, and what the stub domain was given stays with it.',
    devices: [e1000e],
    *story(machine) {
      yield* bootWithStubdom(machine, false);
      const job = yield* start(machine, 'create', GUEST, e1000e.name);
      yield* until(machine, job, 'stub-connected');
      yield* connect(machine, STUBDOM);
      yield* finish(machine, job, qemuInStubdom(machine, e1000e));
    },
  },
  {
    name: 'stubdom-startup-timeout',
    title: 'A guest with a stub domain waits a minute and fails with rc -9',
    source: 'facts/dom0 Appendix C 9, 8.5 step 8; QubesOS #9853, #1659',
    shows:
      'The stub domain never binds its pcifront: libxl waits sixty seconds for state 4, then takes its claim back; permissions and keys of the stub domain stay.',
    devices: [e1000e],
    *story(machine) {
      yield* bootWithStubdom(machine, REAL_ADDRESSES);
      yield* run(machine, 'create', GUEST, e1000e.name);
    },
  },
  {
    name: 'detach-does-nothing-with-a-stubdom',
    title: 'xl pci-detach fails without a message',
    source: 'facts/dom0 8.5 step 14, 8.8; libxl_pci.c (do_pci_remove, libxl__device_pci_get_path)',
    shows:
      "libxl looks for the device among the guest's own keys, and with a stub domain there are none: without force the command ends with rc -3, with force it takes everything back without asking the device model.",
    expects: ['IRQ-005'],
    devices: [e1000e],
    *story(machine) {
      yield* bootWithStubdom(machine, REAL_ADDRESSES);
      const job = yield* start(machine, 'create', GUEST, e1000e.name);
      yield* until(machine, job, 'stub-connected');
      yield* connect(machine, STUBDOM);
      yield* finish(machine, job, qemuInStubdom(machine, e1000e));
      yield* run(machine, 'detach', GUEST, e1000e.name);
      yield* run(machine, 'detach', GUEST, e1000e.name, { force: true });
      yield* settle(machine);
      yield* end(machine);
    },
  },
];

/** Runs a command up to a step, that step not included. */
function* until(machine: MachineView, job: number, step: string): Part {
  for (let turn = 0; turn < 100 && machine.state.toolstack.jobs[job]?.next !== step; turn++)
    yield { kind: 'toolstack.stepped', by: 'toolstack', data: { job } };
}

/** Answers for the device model until a command has tried that often. */
function* tryToAdd(machine: MachineView, job: number, model: DeviceModelAnswer, tries: number): Part {
  for (let turn = 0; turn < 100; turn++) {
    const state = machine.state.toolstack.jobs[job] as Readonly<Job>;
    if (state.waits === 'retry' && Number(state.vars['retries']) === tries) return;
    const answer = state.waits === 'qmp' ? model(state) : 'nothing';
    if (answer !== 'nothing') yield { kind: 'toolstack.answered', by: 'dm:qemu', data: { job, ...answer } };
    else {
      if (state.waits === 'retry') yield { sleepNs: 1_000_000_000 };
      yield { kind: 'toolstack.stepped', by: 'toolstack', data: { job } };
    }
  }
}

/** The guest and its stub domain end. */
function* end(machine: MachineView): Part {
  yield* destroy(machine, GUEST);
  yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: STUBDOM as DomainId } };
  yield* settle(machine);
}

function* bootWithStubdom(machine: MachineView, realAddresses: boolean): Part {
  yield* boot([e1000e], { drivers: true, passthrough: realAddresses });
  yield* run(machine, 'assignable-add', null, e1000e.name);
  yield* guestWithStubdom(GUEST, STUBDOM, 'guest1');
}

/** An HVM guest, and the domain its device model runs in. */
export function* guestWithStubdom(domid: number, stubdom: number, name: string): Part {
  yield* guest(domid, 'hvm', name);
  yield {
    kind: 'domain.created',
    by: 'toolstack',
    data: {
      domid: stubdom as DomainId,
      type: 'pv',
      privileged: false,
      hardware: false,
      target: domid as DomainId,
      name: `${name}-dm`,
    },
  };
}

/** A device model that finds the host's name of a device among the files of its own domain, or does not. */
export function qemuInStubdom(
  machine: MachineView,
  one: Wired,
  stubdom: number = STUBDOM,
): DeviceModelAnswer {
  const answer = willing();
  return (job) => {
    const seen = machine.state.pcifront[stubdom]?.devices ?? [];
    if (job.next === 'dm-added' && !seen.includes(packed(one).toString(16))) {
      return {
        ok: false,
        reply: `Could not open '/sys/bus/pci/devices/${one.name}/config': No such file or directory`,
      };
    }
    return answer(job);
  };
}
