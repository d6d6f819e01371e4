import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import { errno } from '../../../src/base/errno.js';
import type { InputDraft, TraceEvent } from '../../../src/events/catalogue.js';
import { Engine } from '../../../src/models/engine.js';
import { ledgerOf, standingOf } from '../../../src/models/libxl/leftovers.js';
import { findScenario } from '../../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../../src/scenarios/run.js';
import { e1000e, nvme, packed } from '../../../src/scenarios/toolstack/functions.js';

/** A scenario's errors in order, and what is known of the disk at its end. */
function endOf(name: string) {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => events.push(...batch));
  const engine = new Engine(env);
  for (const event of events) if (event.cause === null) engine.step(event as InputDraft);
  const errors = events.flatMap((event) =>
    event.kind === 'toolstack.logged' && event.data.level === 'error' ? [event.data.text] : [],
  );
  const { standing, xen, kernel, store } = ledgerOf(engine.state, packed(nvme));
  return { errors, disk: `${standing} | ${xen} | ${kernel} | ${store}`, events, state: engine.state };
}

describe('what stays when the request channel fails', () => {
  const silent = 'request channel: no answer in time';
  const notBound = "Couldn't bind device to pciback! (-ETIMEDOUT)";

  it.each([
    ['driver-domain-serves-a-guest', [], 'with-driver-domain | d1 | nvme | nothing'],
    [
      'permissive-and-seize-over-the-channel',
      [],
      'exported | d3 | pciback, exported to d3 | claimed for d3, driver was nvme, backend keys of d3',
    ],
    [
      'setting-permissive-for-device-enodev',
      [
        'Setting permissive for device (-ENODEV)',
        'libxl__device_pci_add failed for PCI device 0:1:0.0 (rc -3)',
        'unable to add pci devices',
        'PCI device 0:1:0.0 is not assignable',
        'libxl__device_pci_add failed for PCI device 0:1:0.0 (rc -3)',
        'unable to add pci devices',
      ],
      'with-driver-domain | quarantine | nvme | driver was nvme',
    ],
    [
      'qemu-without-the-hardware',
      [
        "Could not open '/sys/bus/pci/devices/0000:01:00.0/config': No such file or directory",
        'libxl__device_pci_add failed for PCI device 0:1:0.0 (rc -28)',
        'unable to add pci devices',
      ],
      'exported | d4 | pciback, exported to d4 | claimed for d4, driver was nvme, backend keys of d4',
    ],
    ['answer-lost-driver-forgotten', [silent, notBound], 'with-driver-domain | d1 | no driver | nothing'],
    ['answer-comes-too-late', [silent, notBound], 'seized | d1 | pciback | nothing'],
    [
      'channel-of-another-version',
      ['request channel: broken pipe', "Couldn't bind device to pciback! (-EPIPE)"],
      'with-driver-domain | d1 | nvme | nothing',
    ],
    ['ring-without-room-for-an-answer', [silent, notBound], 'with-driver-domain | d1 | nvme | nothing'],
    [
      'driver-domain-dies-during-attach',
      [
        silent,
        "Couldn't open /sys/bus/pci/devices/0000:01:00.0/resource",
        'libxl__device_pci_add failed for PCI device 0:1:0.0 (rc -3)',
        'unable to add pci devices',
      ],
      'with-nobody | quarantine | not there | driver was nvme',
    ],
    [
      'restarted-driver-domain-takes-the-disk-back',
      [],
      'stored | d2 | nvme | claimed for d2, driver was nvme, backend keys of d2',
    ],
    [
      'backend-keys-below-domain-0',
      ['Backend /local/domain/0/backend/pci/2/0 not ready'],
      'left-over | quarantine | pciback | driver was nvme, backend keys of d2',
    ],
    [
      'late-hardware-domain-owns-nothing',
      [
        'failed to quarantine 0000:01:00.0',
        'xc_domain_iomem_permission 0xfde00000/0x4000 (error -1)',
        'libxl__device_pci_add failed for PCI device 0:1:0.0 (rc -3)',
        'unable to add pci devices',
      ],
      'seized | d0 | pciback | driver was nvme',
    ],
  ])('%s', (name, errors, disk) => {
    expect(endOf(name)).toMatchObject({ errors, disk });
  });

  it('the requests of a creation say which option asks, and their order is that of the steps', () => {
    const { events } = endOf('permissive-and-seize-over-the-channel');
    const sent = events.flatMap((event) =>
      event.kind === 'vchan.sent'
        ? [`${event.data.job} ${event.data.verb} ${event.data.argument}`.trim()]
        : [],
    );
    expect(sent).toEqual([
      '1 list',
      '1 bind seize',
      '1 list',
      '1 reset',
      '1 resources',
      '1 irq 2',
      '1 permissive',
      '2 resources',
      '2 irq',
      '2 reset',
      // Listed already: nothing to seize.
      '3 list',
      '3 list',
      '3 reset',
      '3 resources',
      '3 irq 3',
    ]);
  });

  it('a guest without the hardware is refused before anything is granted', () => {
    const { events } = endOf('qemu-without-the-hardware');
    const at = events.findIndex(({ kind }) => kind === 'toolstack.refused');
    expect(events[at]!.data).toMatchObject({ domid: 0, errno: -errno.ENOENT, command: 'device_add' });
    const granted = events.findIndex(
      (event) => event.kind === 'permission.changed' && event.data.domid !== 0 && event.data.domid !== 1,
    );
    expect(granted).toBeGreaterThan(at);
  });

  it('a stub domain and then its guest: both are asked for, and the guest has the device', () => {
    const { events, state } = endOf('stub-domain-reaches-the-driver-domain');
    const sent = events.flatMap((event) =>
      event.kind === 'vchan.sent' && event.data.job === 2
        ? [`${event.data.verb} ${event.data.argument}`.trim()]
        : [],
    );
    expect(sent).toEqual(['list', 'reset', 'resources', 'irq 3', 'resources', 'irq 2']);
    const commands = Object.values(state.toolstack.jobs).map(({ op, rc }) => `${op} ${rc}`);
    expect(commands).toEqual(['assignable-add 0', 'create 0', 'destroy 0']);
    expect(standingOf(state, packed(e1000e))).toMatchObject({ standing: 'assignable', leftovers: [] });
  });

  it('an errno of `irq` ends the command, unless there is no such file', () => {
    for (const [answer, left] of [
      [-errno.EINVAL, ['xc_physdev_map_pirq of 0000:01:00.0 (-EINVAL)']],
      [-errno.ENOENT, []],
    ] as const) {
      const engine = new Engine(
        scenarioEnv(findScenario('driver-domain-serves-a-guest')!, {
          seed: 1,
          policies: {},
          switches: {},
          platform: null,
        }),
        structuredClone({ ...endOf('driver-domain-serves-a-guest').state }) as never,
      );
      const said = attachUntilIrq(engine, answer);
      expect(said.slice(0, left.length)).toEqual(left);
      expect(said.length > 0).toBe(left.length > 0);
    }
  });

  it('a late answer finds nobody and is thrown away', () => {
    const { events } = endOf('answer-comes-too-late');
    const received = events.filter((event) => event.kind === 'vchan.received');
    expect(received.map((event) => event.data)).toEqual([{ id: 1, used: false }]);
  });

  it('a server without room for an answer leaves the request where it is', () => {
    const { events, state } = endOf('ring-without-room-for-an-answer');
    expect(events.filter((event) => event.kind === 'vchan.blocked')).toHaveLength(2);
    expect(state.vchan.requests.map(({ verb }) => verb)).toEqual(['bind']);
  });

  it('a client that finds the ring full waits and asks again', () => {
    const { state } = endOf('ring-without-room-for-an-answer');
    const engine = new Engine(
      scenarioEnv(findScenario('ring-without-room-for-an-answer')!, {
        seed: 1,
        policies: {},
        switches: {},
        platform: null,
      }),
      structuredClone({ ...state, vchan: { ...state.vchan, ringBytes: 40 } }) as never,
    );
    const data = { job: 9, op: 'assignable-add', domid: null, devices: nvme.name, options: {} } as const;
    engine.step({ kind: 'toolstack.requested', by: 'toolstack', data });
    engine.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job: 9 } });
    const [, ...followed] = engine.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job: 9 } });
    expect(followed.map(({ kind }) => kind)).toEqual(['vchan.blocked']);
    expect(engine.state.toolstack.jobs[9]).toMatchObject({ next: 'bind-there', waits: 'no' });
  });

  it('either side may close: a waiting command ends with a broken pipe', () => {
    for (const side of ['server', 'client'] as const) {
      const { state } = endOf('answer-comes-too-late');
      const engine = new Engine(
        scenarioEnv(findScenario('answer-comes-too-late')!, {
          seed: 1,
          policies: {},
          switches: {},
          platform: null,
        }),
        structuredClone(state) as never,
      );
      const data = { job: 9, op: 'assignable-add', domid: null, devices: nvme.name, options: {} } as const;
      engine.step({ kind: 'toolstack.requested', by: 'toolstack', data });
      for (let i = 0; i < 2; i++)
        engine.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job: 9 } });
      expect(engine.state.toolstack.jobs[9]!.waits).toBe('channel');
      const events = engine.step({ kind: 'vchan.hung-up', by: 'owner', data: { side } });
      expect(events.some((one) => one.kind === 'toolstack.finished' && one.data.rc === -3)).toBe(true);
      const keys = engine.state.xenstore.nodes['/local/domain/1/data/pci-requests/ring-ref'];
      expect(keys === undefined).toBe(side === 'server');
    }
  });
});

/** Brings a guest in; the request about its interrupt gets this answer. @returns the errors */
function attachUntilIrq(engine: Engine, answer: number): readonly string[] {
  const errors: string[] = [];
  const step = (draft: InputDraft): void => {
    for (const event of engine.step(draft))
      if (event.kind === 'toolstack.logged' && event.data.level === 'error') errors.push(event.data.text);
  };
  const turn = (job: number): void => {
    step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    const [request] = engine.state.vchan.requests;
    step({ kind: 'vchan.served', by: 'owner', data: {} });
    const [reply] = engine.state.vchan.replies;
    if (request?.verb === 'irq' && reply !== undefined)
      (engine.state.vchan.replies as { errno: number }[])[0]!.errno = answer;
    step({ kind: 'vchan.delivered', by: 'toolstack', data: {} });
  };
  const domid = 7 as DomainId;
  step({
    kind: 'domain.created',
    by: 'toolstack',
    data: { domid, type: 'pv', privileged: false, hardware: false, target: null, name: 'guest7' },
  });
  for (const [job, op] of [
    [91, 'assignable-add'],
    [92, 'create'],
  ] as const) {
    const data = { job, op, domid: op === 'create' ? domid : null, devices: nvme.name, options: {} };
    step({ kind: 'toolstack.requested', by: 'toolstack', data });
    for (let i = 0; i < 30; i++) turn(job);
  }
  return errors;
}

describe('who may do what without being domain 0', () => {
  it('the flag lands on the function Xen has under that name', () => {
    const { state } = endOf('assigned-flag-on-the-wrong-device');
    const marked = Number(Object.keys(state.marks)[0]);
    expect(state.linux.devices[marked]?.function).not.toBe(state.xen.devices[marked]?.function);
    expect(state.xen.devices[marked]?.owner).toBe(2);
  });

  it('a domain built from the tree gets nodes and no PCI function', () => {
    const { events } = endOf('dom0less-guest-without-its-pci-card');
    const given = events.flatMap((event) => (event.kind === 'static.assigned' ? [event.data.path] : []));
    const refused = events.flatMap((event) => (event.kind === 'static.refused' ? [event.data.what] : []));
    expect(given).toEqual(['/soc/ethernet@fff51000', '/pcie@a0000000']);
    expect(refused).toEqual([
      '/soc/ethernet@fff52000',
      '/soc/ethernet@fff53000',
      '0000:01:00.0',
      '/pcie@a0000000',
    ]);
  });
});
