import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import type { InputDraft, TraceEvent } from '../../../src/events/catalogue.js';
import type { MachineView } from '../../../src/machine/program.js';
import { Engine } from '../../../src/models/engine.js';
import { type DeviceStanding, recoveryOf, standingOf } from '../../../src/models/libxl/leftovers.js';
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
function play<T>(
  engine: Engine,
  part: (machine: MachineView) => Part<T>,
  see: (event: TraceEvent) => void = () => {},
): T {
  const running = part(engine as unknown as MachineView);
  for (let next = running.next({ events: [] } as never); ; next = running.next({ events: [] } as never)) {
    if (next.done === true) return next.value;
    for (const event of engine.step(next.value as InputDraft)) see(event);
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
    if (line.startsWith('#')) continue;
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
  /** The machine it runs on is the one right before this command. */
  readonly stage: string;
  readonly begin: (machine: MachineView) => Part<number>;
}

const commands: readonly Command[] = [
  {
    name: 'assignable-add',
    stage: 'assignable-add',
    begin: (machine) => start(machine, 'assignable-add', null, nvme.name),
  },
  { name: 'create', stage: 'create', begin: (machine) => start(machine, 'create', 2, nvme.name) },
  {
    // Nobody made it assignable: the command does.
    name: 'create with seize and permissive',
    stage: 'assignable-add',
    begin: (machine) => start(machine, 'create', 2, `${nvme.name},permissive=1,seize=1`),
  },
  { name: 'detach', stage: 'detach', begin: (machine) => start(machine, 'detach', 2, nvme.name) },
  { name: 'destroy', stage: 'destroy', begin: (machine) => start(machine, 'destroy', 2, '') },
];

/** What the next guest comes to when everything left behind is gone. */
interface AfterRecovery {
  readonly standing: DeviceStanding;
  readonly rc: number;
  /** The first error of its creation. */
  readonly error?: string;
}

const usable: AfterRecovery = { standing: 'assignable', rc: 0 };
const noFiles = "The kernel doesn't support reset from sysfs for PCI device 0000:01:00.0";

interface Design {
  readonly owner: 'dom0' | 'domd';
  readonly driverDomain: 'as-built' | 'channel' | 'backend-0' | 'proposed';
  readonly store: 'pciback' | 'xen-flag' | 'xenstore';
  readonly after: AfterRecovery;
  /** States that kills leave: these and no others. */
  readonly named: readonly DeviceStanding[];
}

const stores = ['pciback', 'xen-flag', 'xenstore'] as const;

/** Every name that a kill of a creation, a detach or an end can leave. */
const midway = ['assignable', 'claimed', 'granted', 'assigned', 'left-over', 'with-nobody'] as const;

const designs: readonly Design[] = [
  // Dom0's pciback exports what libxl stores before anybody is killed over it.
  {
    ...{ owner: 'dom0', driverDomain: 'proposed', store: 'pciback', after: usable },
    named: [...midway, 'seized', 'exported', 'with-dom0'],
  },
  ...(['xen-flag', 'xenstore'] as const).map((store) => ({
    ...({ owner: 'dom0', driverDomain: 'proposed', store, after: usable } as const),
    named: [...midway, 'stored', 'with-dom0'] as const,
  })),
  {
    ...{ owner: 'domd', driverDomain: 'proposed', store: 'pciback', after: usable },
    named: [...midway, 'seized', 'stored', 'exported', 'with-driver-domain'],
  },
  ...(['xen-flag', 'xenstore'] as const).map((store) => ({
    ...({ owner: 'domd', driverDomain: 'proposed', store, after: usable } as const),
    named: [...midway, 'stored', 'with-driver-domain'] as const,
  })),
  {
    // libxl finds no file: nothing begins, and no kill leaves anything.
    owner: 'domd',
    driverDomain: 'as-built',
    store: 'pciback',
    after: { standing: 'with-driver-domain', rc: -3, error: 'PCI device 0:1:0.0 is not assignable' },
    named: ['with-driver-domain', 'with-nobody'],
  },
  ...(['xen-flag', 'xenstore'] as const).map((store) => ({
    // The list needs no file, the guest does: a claim may stay, grants never.
    ...({ owner: 'domd', driverDomain: 'as-built', store } as const),
    after: { standing: 'assignable', rc: -3, error: noFiles } as const,
    named: ['assignable', 'claimed', 'left-over', 'with-driver-domain', 'with-nobody'] as const,
  })),
  {
    owner: 'domd',
    driverDomain: 'channel',
    store: 'pciback',
    after: { standing: 'seized', rc: -3, error: 'xc_domain_iomem_permission 0xfde00000/0x4000 (error -1)' },
    named: ['seized', 'claimed', 'left-over', 'with-driver-domain', 'with-nobody'],
  },
  {
    owner: 'domd',
    driverDomain: 'backend-0',
    store: 'pciback',
    // The next guest is created and waits for good: pciback never sees its keys.
    after: usable,
    named: [...midway, 'seized', 'stored', 'with-driver-domain'],
  },
];

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

describe.each(designs)(
  'hardware of $owner ($driverDomain), list in $store',
  ({ after, named, ...design }) => {
    it('every step that a kill follows leaves a state with a name and a way back', () => {
      const before = stages({
        'hardware-domain': design.owner,
        assignable: design.store,
        'driver-domain': design.driverDomain,
      });
      const seen = new Set<string>();
      let kills = 0;
      for (const { name, stage, begin } of commands) {
        for (const [, kill] of killers) {
          for (let steps = 0; steps < MANY; steps++) {
            const engine = copyOf(before.get(stage)!);
            const job = play(engine, begin);
            play(engine, () => turns(steps, 2, job));
            const ended = engine.state.toolstack.jobs[job]!.next === null;
            if (kill !== null) engine.step(kill);
            engine.step({ kind: 'toolstack.killed', by: 'root', data: { job } });
            play(engine, () => turns(3, 2));
            kills += 1;
            seen.add(standingOf(engine.state, device).standing);
            sameAfterRecovery(engine, `${name}, ${steps} turns`, after);
            // A wait that only a time-out ends goes on for all further turns.
            if (ended || (steps > 3 && engine.state.toolstack.jobs[job]!.waits === 'backend')) break;
          }
        }
      }
      expect(kills).toBeGreaterThanOrEqual(commands.length * killers.length);
      expect([...seen].sort()).toEqual([...named].sort());
    });
  },
);

/** Nothing is left, the device stands where the design lets it, and the next guest fares as the design lets it. */
function sameAfterRecovery(engine: Engine, when: string, { standing, rc, error }: AfterRecovery): void {
  recover(engine);
  expect({ when, ...standingOf(engine.state, device) }).toMatchObject({ when, standing, leftovers: [] });
  play(engine, () => guest(9, 'pv', 'next'));
  const errors: string[] = [];
  const next = play(
    engine,
    (machine) => command(machine, 'create', 9, nvme.name),
    (event) => {
      if (event.kind === 'toolstack.logged' && event.data.level === 'error') errors.push(event.data.text);
    },
  );
  expect({ when, rc: engine.state.toolstack.jobs[next]!.rc, error: errors[0] }).toEqual({ when, rc, error });
}

describe.each(stores)('hardware of nobody, list in %s', (store) => {
  const policies = { 'hardware-domain': 'dom0less', assignable: store } as const;
  const waysBack = ['# Xen gives devices away while it boots: change the device tree and reboot'];

  it('nobody is there to carry out a command or to be killed over it, and only a reboot with another tree helps', () => {
    const before = stages(policies);
    for (const { stage, begin } of commands) {
      for (const [, kill] of killers) {
        const engine = copyOf(before.get(stage)!);
        const absent: number[] = [];
        const job = play(engine, begin, (event) => {
          if (event.kind === 'toolstack.absent') absent.push(event.data.job);
        });
        expect(absent).toEqual([job]);
        play(engine, () => turns(4, 2, job));
        if (kill !== null) engine.step(kill);
        engine.step({ kind: 'toolstack.killed', by: 'root', data: { job } });
        expect(engine.state.toolstack.jobs[job]!.killed).toBe(false);
        expect(standingOf(engine.state, device)).toEqual({
          standing: 'with-nobody',
          domid: null,
          leftovers: [],
        });
        expect(recoveryOf(engine.state, device)).toEqual(waysBack);
      }
    }
  });

  it('a domain that Xen built and gave a bridge to dies: its access goes, and nobody builds it again', () => {
    const engine = copyOf(stages(policies).get('create')!);
    const bridge = engine.env.platform.bridges[0]!;
    const wish = { domid: 2 as DomainId, path: bridge.node, found: true, hasReg: true, hasIommus: false };
    const given = engine.step({ kind: 'static.wanted', by: 'xen', data: { ...wish, force: true } });
    expect(given.map(({ kind }) => kind)).toContain('static.assigned');
    expect(engine.state.permissions[2]?.iomem?.starts).toHaveLength(1);
    engine.step({ kind: 'domain.destroyed', by: 'xen', data: { domid: 2 as DomainId } });
    expect(engine.state.permissions[2]).toBeUndefined();
    play(engine, () => guest(2, 'pv', 'guest2'));
    const again = play(engine, (machine) => command(machine, 'create', 2, nvme.name));
    expect(engine.state.toolstack.jobs[again]).toMatchObject({ next: null, rc: null });
    expect(engine.state.permissions[2]).toBeUndefined();
    expect(recoveryOf(engine.state, device)).toEqual(waysBack);
  });
});
