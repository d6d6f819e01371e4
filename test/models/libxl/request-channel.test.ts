import { describe, expect, it } from 'vitest';
import type { InputDraft, TraceEvent } from '../../../src/events/catalogue.js';
import { Engine } from '../../../src/models/engine.js';
import { ledgerOf } from '../../../src/models/libxl/leftovers.js';
import { findScenario } from '../../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../../src/scenarios/run.js';
import { nvme, packed } from '../../../src/scenarios/toolstack/functions.js';

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
