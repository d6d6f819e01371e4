import type { DomainId } from '../../base/brand.js';
import { graphics, nvme, sound } from './functions.js';
import { bootOwner, bootSystem, command, turns } from './neutral.js';
import { guest, start } from './parts.js';
import type { Symptom } from './symptom.js';

const all = [nvme, graphics, sound];
const guest2 = 2 as DomainId;

/**
 * One life cycle for every owner of the hardware and every store of the list. @source thread of 2020, facts/dom0 12
 */
const workload: Symptom = {
  name: 'who-owns-the-hardware',
  title: 'One life cycle under every owner and every store',
  source: 'thread of 2020, facts/dom0 12',
  shows:
    'A disk and one function of a graphics card go to a PV guest and come back; xl dies, XenStore loses its tree, the owner of the hardware goes down. Made for what-if: `--policy hardware-domain=… assignable=… driver-domain=…`.',
  expects: ['ASG-006', 'ASG-005', 'ASG-009'],
  devices: all,
  *story(machine) {
    yield* bootSystem(all);
    yield* command(machine, 'assignable-add', null, nvme.name);
    yield* command(machine, 'assignable-add', null, graphics.name);
    yield* command(machine, 'assignable-list', null, '');
    yield* guest(2, 'pv', 'guest2');
    yield* command(machine, 'create', 2, nvme.name);
    yield { kind: 'pcifront.probed', by: 'd2', data: { domid: guest2, magic: '7' } };
    yield* turns(12, 2);
    yield* command(machine, 'detach', 2, nvme.name);
    yield* command(machine, 'attach', 2, nvme.name);
    yield { kind: 'pcifront.probed', by: 'd2', data: { domid: guest2, magic: '7' } };
    yield* turns(12, 2);
    yield* command(machine, 'attach', 2, graphics.name);
    yield* command(machine, 'destroy', 2, '');
    yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: guest2 } };
    // xl dies between its claim and the end.
    yield* guest(3, 'pv', 'guest3');
    const killed = yield* start(machine, 'create', 3, nvme.name);
    yield* turns(7, 3, killed);
    yield { kind: 'toolstack.killed', by: 'root', data: { job: killed } };
    yield* command(machine, 'create', 3, nvme.name);
    yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: 3 as DomainId } };
    yield { kind: 'store.lost', by: 'xenstored', data: {} };
    yield* command(machine, 'assignable-list', null, '');
    yield* command(machine, 'assignable-remove', null, nvme.name, { rebind: true });
    yield { kind: 'owner.ended', by: 'owner', data: { how: 'its kernel crashed' } };
    yield* command(machine, 'assignable-list', null, '');
    yield { kind: 'system.booted', by: 'xen', data: { dom0: 0 as DomainId, domd: 1 as DomainId } };
    yield* bootOwner(all);
    yield* command(machine, 'assignable-list', null, '');
  },
};

/** Who owns the hardware and how the toolstack speaks with it. @source thread of 2020, facts/dom0 12 */
export const owners: readonly Symptom[] = [workload];
