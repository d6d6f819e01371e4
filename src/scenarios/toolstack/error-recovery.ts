import type { DomainId } from '../../base/brand.js';
import { nvme, packed } from './functions.js';
import { boot, connectedGuest, type Part, run } from './parts.js';
import { release417, type Symptom } from './symptom.js';

const GUEST = 1 as DomainId;

/** Errors of a device that a PV guest has. @source facts/dom0 3, 6 */
export const errorRecovery: readonly Symptom[] = [
  {
    name: 'aer-handled-by-the-guest',
    title: 'AER: device recovery successful',
    source: 'facts/dom0 3, 6; drivers/pci/pcie/err.c of Linux',
    shows:
      'A fatal error: error_detected, slot_reset and resume go through the shared page, each answered by the driver in the guest before the next one is asked.',
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, GUEST, [nvme]);
      yield* raise('fatal');
      yield* answer('need-reset');
      yield* answer('recovered');
      yield* answer('none');
    },
  },
  {
    name: 'aer-driver-without-handler',
    title: 'aerState = aerfail, and AER: device recovery successful',
    source: 'facts/dom0 6; drivers/pci/pcie/err.c of Linux',
    shows:
      'The driver in the guest has no error handlers: every answer is NONE, pciback declares the device dead in XenStore, and the core, for which NONE changes nothing, ends with success.',
    expects: ['PV-005'],
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, GUEST, [nvme]);
      yield* raise('nonfatal');
      for (let question = 0; question < 3; question++) yield* answer('no-handler');
    },
  },
  {
    name: 'aer-frontend-silent',
    title: 'pcifront aer process not responding!',
    source: 'facts/dom0 6; drivers/xen/xen-pciback/pci_stub.c (common_process)',
    shows:
      'The guest is paused: three questions of 300 seconds each run out, pciback answers for the guest, and the core ends with success; aerState is never written.',
    expects: ['PV-007'],
    devices: [nvme],
    switches: release417,
    *story(machine) {
      yield* boot([nvme]);
      yield* run(machine, 'assignable-add', null, nvme.name);
      yield* connectedGuest(machine, GUEST, [nvme]);
      yield* raise('nonfatal');
      for (let question = 0; question < 3; question++) {
        yield { sleepNs: 300_000_000_000 };
        yield { kind: 'aer.expired', by: 'd0', data: { domid: GUEST } };
      }
    },
  },
];

function* raise(severity: 'fatal' | 'nonfatal'): Part {
  yield { kind: 'aer.raised', by: 'hw', data: { sbdf: packed(nvme), severity } };
}

function* answer(said: 'need-reset' | 'recovered' | 'none' | 'no-handler'): Part {
  yield { kind: 'pcifront.recovered', by: `d${GUEST}`, data: { domid: GUEST, answer: said } };
}
