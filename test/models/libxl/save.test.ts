import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import { pciCommands } from '../../../src/models/linux/pciif/page.js';
import type { GuestSbdf } from '../../../src/pci/sbdf.js';
import { functions, Machine } from './machine.js';

const GUEST = 1 as DomainId;
const RESTORED = 2 as DomainId;

function running(type: 'pv' | 'hvm', device: string | null): Machine {
  const machine = new Machine();
  if (device !== null) machine.run('assignable-add', null, device);
  machine.guest(GUEST, type, 'guest1');
  machine.run('create', GUEST, device ?? '');
  machine.settle();
  if (type === 'pv' && device !== null) machine.probe(GUEST);
  machine.settle();
  return machine;
}

/** How guest and device model take a save. */
interface Manners {
  readonly guest: 'suspends' | 'is-deaf';
  readonly model: boolean;
}

const good: Manners = { guest: 'suspends', model: true };

/** Runs a save or a migration to its end. */
function send(machine: Machine, op: 'save' | 'migrate', manners: Manners = good) {
  const from = machine.log.length;
  const job = machine.request(op, GUEST, '');
  for (let turn = 0; turn < 40; turn++) {
    const { next, waits } = machine.engine.state.toolstack.jobs[job]!;
    if (next === null) break;
    if (waits === 'qmp')
      machine.step({
        kind: 'toolstack.answered',
        by: 'dm:qemu',
        data: { job, ok: manners.model, reply: '' },
      });
    else if (waits === 'guest' && manners.guest === 'is-deaf')
      machine.step({ kind: 'toolstack.timed-out', by: 'toolstack', data: { job } });
    else {
      if (waits === 'guest') machine.step({ kind: 'guest.suspended', by: 'd1', data: { domid: GUEST } });
      machine.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    }
  }
  const events = machine.log.slice(from);
  return {
    rc: machine.engine.state.toolstack.jobs[job]!.rc,
    errors: texts(events, 'error'),
    asked: events.flatMap((event) => (event.kind === 'toolstack.asked' ? [event.data.command] : [])),
    stopped: events.some((event) => event.kind === 'domain.stopped'),
  };
}

const texts = (events: readonly TraceEvent[], level: string): readonly string[] =>
  events.flatMap((event) =>
    event.kind === 'toolstack.logged' && event.data.level === level ? [event.data.text] : [],
  );

describe('xl save', () => {
  it.each([
    ['a PV guest with a disk', 'pv', functions.nvme, []],
    [
      'an HVM guest with a card',
      'hvm',
      functions.e1000e,
      ['xen-set-global-dirty-log', 'stop', 'xen-save-devices-state'],
    ],
  ] as const)('of %s succeeds without a word', (_who, type, device, asked) => {
    const machine = running(type, device);
    expect(send(machine, 'save')).toEqual({ rc: 0, errors: [], asked, stopped: true });
    expect(machine.read('/local/domain/1/control/shutdown')).toBe('');
  });

  it('of a guest that does not take the request is cancelled', () => {
    const machine = running('pv', functions.nvme);
    expect(send(machine, 'save', { guest: 'is-deaf', model: true })).toMatchObject({
      rc: -8,
      stopped: false,
      errors: [
        "guest didn't acknowledge suspend, cancelling request",
        'Save failed (0 = Success): Internal error',
        'saving domain: domain did not respond to suspend request: Success',
        'Failed to save domain, resuming domain',
      ],
    });
    expect(machine.read('/local/domain/1/control/shutdown')).toBe('');
  });

  it('ends when the device model does not log', () => {
    const outcome = send(running('hvm', functions.e1000e), 'save', { guest: 'suspends', model: false });
    expect(outcome).toMatchObject({ rc: -8, stopped: false });
    expect(outcome.errors[0]).toBe('logdirty switch failed (rc=-3), abandoning suspend');
  });
});

describe('xl migrate', () => {
  it.each(['pv', 'hvm'] as const)(
    'of a %s guest with a device is refused by Xen, and blamed on the guest',
    (type) => {
      const machine = running(type, functions.e1000e);
      const { rc, errors, stopped } = send(machine, 'migrate');
      expect({ rc, stopped }).toEqual({ rc: -8, stopped: false });
      expect(errors).toEqual([
        'Failed to enable logdirty: 22,0,22 (22 = Invalid argument): Internal error',
        'Save failed (22 = Invalid argument): Internal error',
        'saving domain: domain did not respond to suspend request: Invalid argument',
        'migration sender: libxl_domain_suspend failed (rc=-8)',
        'Migration failed, failed to suspend at sender.',
      ]);
      expect(machine.engine.state.domains[GUEST]!.features?.log_dirty).toBeUndefined();
    },
  );

  it.each(['pv', 'hvm'] as const)(
    'of a %s guest without one has its writes logged, and devices stay out',
    (type) => {
      const machine = running(type, null);
      machine.run('assignable-add', null, functions.nvme);
      expect(send(machine, 'migrate')).toMatchObject({ rc: 0, errors: [], stopped: true });
      expect(machine.engine.state.domains[GUEST]!.features?.log_dirty).toBe(true);
      const device = { domain: GUEST, dev: 0, flags: 0, machine_sbdf: 0x100 };
      const events = machine.step({
        kind: 'hypercall.issued',
        by: 'd0',
        data: { domid: 0 as DomainId, hypercall: 'domctl', op: 'assign_device', args: device },
      });
      expect(events.find((event) => event.kind === 'hypercall.returned')).not.toMatchObject({
        data: { ret: 0 },
      });
    },
  );
});

describe('a guest that stands still', () => {
  it('takes no watch event, so that taking its disk away runs into ten seconds', () => {
    const machine = running('pv', functions.nvme);
    send(machine, 'save');
    const before = machine.engine.state.pcifront[GUEST];
    const job = machine.request('destroy', GUEST, '');
    for (let turn = 0; turn < 8; turn++)
      machine.step({ kind: 'toolstack.stepped', by: 'toolstack', data: { job } });
    while (machine.engine.state.pciback.wakes.length > 0)
      machine.step({ kind: 'pciback.woke', by: 'd0', data: {} });
    expect(machine.engine.state.pcifront[GUEST]!.wakes).toBe(1);
    expect(machine.step({ kind: 'pcifront.woke', by: 'd1', data: { domid: GUEST } })).toHaveLength(1);
    expect(machine.engine.state.pcifront[GUEST]!.state).toBe(before!.state);
    expect(machine.engine.state.toolstack.jobs[job]!.waits).toBe('backend');
  });

  it('that nobody asked does not stop', () => {
    const machine = running('pv', functions.nvme);
    const events = machine.step({ kind: 'guest.suspended', by: 'd1', data: { domid: GUEST } });
    expect(events.some((event) => event.kind === 'domain.stopped')).toBe(false);
  });
});

describe('a guest built from an image', () => {
  const read = { cmd: pciCommands.conf_read, sbdf: 0 as GuestSbdf, offset: 0, size: 4, value: 0 };

  it('puts its requests into a page nobody has mapped', () => {
    const machine = running('pv', functions.nvme);
    machine.guest(RESTORED, 'pv', 'guest1');
    machine.run('detach', GUEST, functions.nvme);
    machine.settle();
    machine.run('create', RESTORED, functions.nvme);
    machine.settle();
    const data = { domid: RESTORED, roots: '0000:00', devices: '0' };
    machine.step({ kind: 'guest.resumed', by: 'd2', data });
    machine.settle();
    expect(machine.read('/local/domain/2/device/pci/0/state')).toBe('1');
    expect(machine.read('/local/domain/0/backend/pci/2/0/state')).toBe('3');
    machine.step({ kind: 'pciif.submitted', by: 'd2', data: { domid: RESTORED, ...read } });
    const taken = machine.step({ kind: 'pciif.taken', by: 'd0', data: { domid: RESTORED } });
    expect(taken).toHaveLength(1);
    const given = machine.step({ kind: 'pciif.expired', by: 'd2', data: { domid: RESTORED } });
    expect(given.find((event) => event.kind === 'linux.logged')).toMatchObject({
      data: { text: 'pcifront pci-0: pciback not responding!!!' },
    });
  });

  it('says so when it has no backend at all', () => {
    const machine = running('pv', functions.nvme);
    machine.guest(RESTORED, 'pv', 'guest1');
    const data = { domid: RESTORED, roots: '0000:00', devices: '0' };
    const events = machine.step({ kind: 'guest.resumed', by: 'd2', data });
    expect(events.find((event) => event.kind === 'linux.logged')).toMatchObject({
      data: { text: 'pci pci-0: resume (talk_to_otherend) failed: -2' },
    });
  });
});
