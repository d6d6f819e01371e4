import { describe, expect, it } from 'vitest';
import { recoveryOf, standingOf } from '../../../src/models/libxl/leftovers.js';
import { type Dom0Sbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import { functions, Machine } from './machine.js';

const device = parseSbdf<Dom0Sbdf>(functions.e1000e)!;
const MANY = 60;

/** Whether the command is at work; false once it has ended. */
function step(machine: Machine, job: number): boolean {
  const state = machine.engine.state.toolstack.jobs[job]!;
  if (state.next === null) return false;
  if (state.waits === 'qmp') {
    const reply = state.next === 'find-in-dm' ? '18' : '';
    machine.step({ kind: 'toolstack.answered', by: 'dm:qemu', data: { job, ok: true, reply } });
  } else if (state.waits === 'removal' || (state.waits === 'backend' && !machine.settle())) {
    machine.step({ kind: 'toolstack.timed-out', by: 'toolstack', data: { job } });
  } else machine.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
  return true;
}

function prepared(type: 'pv' | 'hvm'): Machine {
  const machine = new Machine();
  machine.run('assignable-add', null, functions.e1000e);
  machine.guest(1, type, 'g1');
  return machine;
}

/** Carries out what `recoveryOf` says. */
function recover(machine: Machine): void {
  for (const command of recoveryOf(machine.engine.state, device)) {
    const [program, verb, argument] = command.split(' ') as [string, string, string | undefined];
    if (program === 'xenstore-rm') {
      machine.step({
        kind: 'xenstore.requested',
        by: 'root',
        data: { conn: 'k0', op: 'RM', path: verb, value: null, tx: 0 },
      });
    } else if (verb === 'destroy') {
      machine.run('destroy', Number(argument), '');
      machine.settle();
      machine.step({ kind: 'domain.destroyed', by: 'toolstack', data: { domid: Number(argument) as never } });
    } else if (program === 'modprobe') {
      if (!machine.engine.state.pciback.running) {
        machine.step({
          kind: 'pciback.loaded',
          by: 'd0',
          data: { hide: '', passthrough: false, permissive: false, pvSupport: true },
        });
      }
    } else machine.run('assignable-add', null, argument ?? '');
    machine.settle();
  }
}

type Killer = readonly [name: string, kill: (machine: Machine, job: number) => void];
const killers: readonly Killer[] = [
  ['the toolstack', (machine, job) => machine.step({ kind: 'toolstack.killed', by: 'root', data: { job } })],
  [
    'the backend',
    (machine, job) => {
      machine.step({ kind: 'pciback.unloaded', by: 'd0', data: {} });
      machine.step({ kind: 'toolstack.killed', by: 'root', data: { job } });
    },
  ],
  [
    'the guest',
    (machine, job) => {
      machine.step({ kind: 'domain.destroyed', by: 'xen', data: { domid: 1 as never } });
      machine.step({ kind: 'toolstack.killed', by: 'root', data: { job } });
    },
  ],
];

interface Command {
  readonly name: string;
  readonly type: 'pv' | 'hvm';
  readonly begin: (machine: Machine) => number;
}

const attached = (machine: Machine): void => {
  machine.run('create', 1, functions.e1000e);
  machine.settle();
  machine.probe(1);
  machine.settle();
};

const commands: readonly Command[] = (['pv', 'hvm'] as const).flatMap((type) => [
  {
    name: `creation of a ${type} guest`,
    type,
    begin: (machine) => machine.request('create', 1, functions.e1000e),
  },
  {
    name: `detach from a ${type} guest`,
    type,
    begin: (machine) => {
      attached(machine);
      return machine.request('detach', 1, functions.e1000e, { force: true });
    },
  },
  {
    name: `end of a ${type} guest`,
    type,
    begin: (machine) => {
      attached(machine);
      return machine.request('destroy', 1, '');
    },
  },
]);

describe.each(commands)('$name', ({ type, begin }) => {
  it.each(killers)(
    'killing %s after any step leaves a named state, and recovery ends with a usable device',
    (_name, kill) => {
      const seen = new Set<string>();
      let steps = 0;
      for (; steps < MANY; steps++) {
        const machine = prepared(type);
        const job = begin(machine);
        let done = 0;
        while (done < steps && step(machine, job)) done += 1;
        if (done < steps) break;
        kill(machine, job);
        machine.settle();
        seen.add(standingOf(machine.engine.state, device).standing);
        recover(machine);
        expect({ steps, ...standingOf(machine.engine.state, device) }).toMatchObject({
          steps,
          standing: 'assignable',
          leftovers: [],
        });
        machine.guest(9, 'hvm', 'next');
        expect(machine.run('create', 9, functions.e1000e), `next guest after ${steps} steps`).toBe(0);
      }
      expect(steps).toBeGreaterThan(5);
      expect(steps).toBeLessThan(MANY);
      // With the guest gone Xen has taken the device back, so nothing but left-overs can be seen.
      expect(seen.has('left-over') || seen.size > 1).toBe(true);
    },
  );
});

describe('standing of a device', () => {
  it('names every station of an attach', () => {
    const machine = new Machine({ drivers: { [functions.e1000e]: 'e1000e' } });
    const names = [standingOf(machine.engine.state, device).standing];
    const note = () => {
      const { standing } = standingOf(machine.engine.state, device);
      if (names.at(-1) !== standing) names.push(standing);
    };
    const add = machine.request('assignable-add', null, functions.e1000e);
    while (step(machine, add)) note();
    machine.guest(1, 'pv', 'g1');
    const create = machine.request('create', 1, functions.e1000e);
    while (step(machine, create)) note();
    machine.settle();
    note();
    expect(names).toEqual([
      'with-dom0',
      'seized',
      'assignable',
      'claimed',
      'granted',
      'assigned',
      'stored',
      'exported',
    ]);
  });
});
