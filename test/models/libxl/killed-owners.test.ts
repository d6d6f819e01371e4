import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import type { InputDraft } from '../../../src/events/catalogue.js';
import type { MachineView } from '../../../src/machine/program.js';
import { Engine } from '../../../src/models/engine.js';
import { recoveryOf, standingOf } from '../../../src/models/libxl/leftovers.js';
import type { Policies } from '../../../src/policy/axes.js';
import { findScenario } from '../../../src/scenarios/index.js';
import { scenarioEnv } from '../../../src/scenarios/run.js';
import { nvme, packed } from '../../../src/scenarios/toolstack/functions.js';
import { bootSystem, command, turns } from '../../../src/scenarios/toolstack/neutral.js';
import { guest, type Part, start } from '../../../src/scenarios/toolstack/parts.js';

const device = packed(nvme);
const machineOf = findScenario('driver-domain-serves-a-guest')!;
const MANY = 40;

/** Runs a part of a story on an engine. */
function play<T>(engine: Engine, part: (machine: MachineView) => Part<T>): T {
  const running = part(engine as unknown as MachineView);
  for (let next = running.next({ events: [] } as never); ; next = running.next({ events: [] } as never)) {
    if (next.done === true) return next.value;
    engine.step(next.value as InputDraft);
  }
}

const copyOf = (engine: Engine): Engine =>
  new Engine(engine.env, structuredClone(engine.state), engine.nextSeq);

function* connect(domid: number): Part {
  yield { kind: 'pcifront.probed', by: `d${domid}`, data: { domid: domid as DomainId, magic: '7' } };
  yield* turns(10, domid);
}

/** Carries out what `recoveryOf` says. */
function recover(engine: Engine): void {
  for (const line of recoveryOf(engine.state, device)) {
    const [program, verb, argument] = line.split(' ') as [string, string | undefined, string | undefined];
    play(engine, function* (machine) {
      if (program === 'reboot' || verb === 'create') yield* bootSystem([nvme]);
      else if (program === 'xenstore-rm') {
        const data = { conn: 'k0', op: 'RM', path: verb!, value: null, tx: 0 } as const;
        yield { kind: 'xenstore.requested', by: 'root', data };
      } else if (verb === 'destroy') {
        yield* command(machine, 'destroy', Number(argument), '');
        yield { kind: 'domain.destroyed', by: 'toolstack', data: { domid: Number(argument) as DomainId } };
      } else if (verb === 'pci-assignable-add') yield* command(machine, 'assignable-add', null, argument!);
    });
  }
}

const killers: readonly (readonly [string, InputDraft | null])[] = [
  ['the toolstack', null],
  ['the owner of the hardware', { kind: 'owner.ended', by: 'owner', data: { how: 'its kernel crashed' } }],
  ['the guest', { kind: 'domain.destroyed', by: 'xen', data: { domid: 2 as DomainId } }],
];

interface Command {
  readonly name: string;
  readonly begin: (machine: MachineView) => Part<number>;
}

const commands: readonly Command[] = [
  { name: 'assignable-add', begin: (machine) => start(machine, 'assignable-add', null, nvme.name) },
  { name: 'create', begin: (machine) => start(machine, 'create', 2, nvme.name) },
  { name: 'detach', begin: (machine) => start(machine, 'detach', 2, nvme.name) },
  { name: 'destroy', begin: (machine) => start(machine, 'destroy', 2, '') },
];

const combinations = (['dom0', 'domd', 'dom0less'] as const).flatMap((owner) =>
  (['pciback', 'xen-flag', 'xenstore'] as const).map((store) => ({ owner, store })),
);

/** The machine right before each command. */
function stages(policies: Partial<Policies>): ReadonlyMap<string, Engine> {
  const env = scenarioEnv(machineOf, {
    seed: 1,
    policies: policies as Policies,
    switches: {},
    platform: null,
  });
  const engine = new Engine(env);
  const found = new Map<string, Engine>();
  play(engine, () => bootSystem([nvme]));
  play(engine, () => guest(2, 'pv', 'guest2'));
  found.set('assignable-add', copyOf(engine));
  play(engine, (machine) => command(machine, 'assignable-add', null, nvme.name));
  found.set('create', copyOf(engine));
  play(engine, (machine) => command(machine, 'create', 2, nvme.name));
  play(engine, () => connect(2));
  found.set('detach', engine);
  found.set('destroy', engine);
  return found;
}

describe.each(combinations)('hardware of $owner, list in $store', ({ owner, store }) => {
  const policies = { 'hardware-domain': owner, assignable: store, 'driver-domain': 'proposed' } as const;

  it('every step that a kill follows leaves a state with a name and a way back', () => {
    const before = stages(policies);
    const named = new Set<string>();
    let kills = 0;
    for (const { name, begin } of commands) {
      for (const [, kill] of killers) {
        for (let steps = 0; steps < MANY; steps++) {
          const engine = copyOf(before.get(name)!);
          const job = play(engine, begin);
          play(engine, () => turns(steps, 2, job));
          const ended = engine.state.toolstack.jobs[job]!.next === null;
          if (kill !== null) engine.step(kill);
          engine.step({ kind: 'toolstack.killed', by: 'root', data: { job } });
          play(engine, () => turns(3, 2));
          kills += 1;
          named.add(standingOf(engine.state, device).standing);
          if (owner !== 'dom0less') usableAfterRecovery(engine, `${name}, ${steps} turns`);
          // A wait that only a time-out ends goes on for all further turns.
          if (ended || (steps > 3 && engine.state.toolstack.jobs[job]!.waits === 'backend')) break;
        }
      }
    }
    expect(kills).toBeGreaterThanOrEqual(commands.length * killers.length);
    expect([...named].sort()).toEqual(
      owner === 'dom0less' ? ['with-nobody'] : expect.arrayContaining(['assignable']),
    );
  });
});

/** The device is assignable again, nothing is left, and the next guest gets it. */
function usableAfterRecovery(engine: Engine, when: string): void {
  recover(engine);
  expect({ when, ...standingOf(engine.state, device) }).toMatchObject({
    when,
    standing: 'assignable',
    leftovers: [],
  });
  play(engine, () => guest(9, 'pv', 'next'));
  const next = play(engine, (machine) => command(machine, 'create', 9, nvme.name));
  expect(engine.state.toolstack.jobs[next]!.rc, `next guest after ${when}`).toBe(0);
}
