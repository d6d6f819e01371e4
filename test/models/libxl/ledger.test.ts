import { describe, expect, it } from 'vitest';
import type { PolicyValue } from '../../../src/policy/axes.js';
import { functions, Machine } from './machine.js';

const NVME = functions.nvme;

/** Ledger after assignable-add, create, destroy and assignable-remove, and the messages in between. */
function lifeCycle(policies: Readonly<Record<string, string>>) {
  const machine = new Machine({ policies, drivers: { [NVME]: 'nvme' } });
  machine.run('assignable-add', null, NVME);
  machine.guest(1, 'hvm', 'g1');
  machine.run('create', 1, NVME);
  machine.settle();
  machine.run('assignable-list', null, '');
  machine.run('destroy', 1, NVME);
  machine.settle();
  machine.run('assignable-remove', null, NVME, { rebind: true });
  return machine.log.flatMap((event) => {
    if (event.kind === 'toolstack.ledger')
      return [`${event.data.xen} | ${event.data.kernel} | ${event.data.store}`];
    if (event.kind === 'linux.device-reset') return [`reset by ${event.by}`];
    return event.kind === 'toolstack.logged' && event.data.level === 'error' ? [event.data.text] : [];
  });
}

describe('who knows what, step by step (facts/dom0 12.1, 12.3)', () => {
  it('pciback: the kernel, Xen and XenStore each know a part', () => {
    expect(lifeCycle({ assignable: 'pciback' })).toMatchInlineSnapshot(`
      [
        "reset by d0",
        "quarantine | pciback | driver was nvme",
        "reset by d0",
        "d1 | pciback | claimed for d1, driver was nvme, backend keys of d1",
        "quarantine | pciback, exported to d1 | driver was nvme",
        "reset by d0",
        "reset by d0",
        "d0 | nvme | nothing",
      ]
    `);
  });
  it('flag in Xen: the host driver keeps the device under the guest', () => {
    expect(lifeCycle({ assignable: 'xen-flag' })).toMatchInlineSnapshot(`
      [
        "d0, marked assignable | nvme | nothing",
        "reset by d0",
        "d1, marked assignable | nvme | claimed for d1, backend keys of d1",
        "quarantine, marked assignable | nvme | nothing",
        "quarantine | nvme | nothing",
      ]
    `);
  });
  it('key in XenStore: the same, and Xen knows nothing', () => {
    expect(lifeCycle({ assignable: 'xenstore' })).toMatchInlineSnapshot(`
      [
        "d0 | nvme | listed as assignable",
        "reset by d0",
        "d1 | nvme | claimed for d1, listed as assignable, backend keys of d1",
        "quarantine | nvme | listed as assignable",
        "quarantine | nvme | nothing",
      ]
    `);
  });
  it.each(['domd', 'dom0less'])('hardware of %s: libxl finds no file and nothing begins', (owner) => {
    const trail = lifeCycle({ 'hardware-domain': owner });
    expect(trail).toContain(`Couldn't lstat /sys/bus/pci/devices/${NVME}: No such file or directory`);
    expect(trail.filter((line) => line.startsWith('reset'))).toEqual([]);
    expect(trail.at(-1)).toBe('d0 | nvme | nothing');
  });
});

describe('seize=1 of a device nobody made assignable (facts/dom0 8.5 step 4)', () => {
  it.each<[PolicyValue<'assignable'>, string]>([
    ['pciback', 'd1 | pciback | claimed for d1, driver was nvme, backend keys of d1'],
    ['xen-flag', 'd1, marked assignable | nvme | claimed for d1, backend keys of d1'],
    ['xenstore', 'd1 | nvme | claimed for d1, listed as assignable, backend keys of d1'],
  ])('puts it on the list of %s', (assignable, expected) => {
    const machine = new Machine({ policies: { assignable }, drivers: { [NVME]: 'nvme' } });
    machine.guest(1, 'pv', 'g1');
    expect(machine.run('create', 1, `${NVME},seize=1`)).toBe(0);
    const ledgers = machine.log.filter((event) => event.kind === 'toolstack.ledger');
    expect(ledgers.map(({ data }) => `${data.xen} | ${data.kernel} | ${data.store}`)).toEqual([expected]);
  });
});
