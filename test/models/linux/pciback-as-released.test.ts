import { describe, expect, it } from 'vitest';
import { pciCommands } from '../../../src/models/linux/pciif/page.js';
import { functionId } from '../../../src/pci/function-id.js';
import { type Dom0Sbdf, type GuestSbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { functions, Machine } from '../libxl/machine.js';

const NVME = functions.nvme;
/** What recordings before pciback followed its source have. */
const older = currentBehaviour.filter((number) => number !== 18);
const lines = ({ log }: Machine): string[] =>
  log.flatMap(({ kind, data }) => (kind === 'linux.logged' ? [(data as { text: string }).text] : []));

/** A PV guest with the disk, its memory decoding on. */
class Guest extends Machine {
  constructor(behaviour: readonly number[]) {
    super({ behaviour });
    this.run('assignable-add', null, NVME);
    this.guest(1, 'pv', 'g1');
    this.run('create', 1, NVME);
    this.settle();
    this.probe(1);
    this.settle();
    this.ask(pciCommands.conf_write, { offset: 4, size: 2, value: 6 });
  }

  /** One request of the frontend and what pciback answers. */
  ask(cmd: number, more: { offset?: number; size?: number; value?: number } = {}): number | undefined {
    const data = { domid: 1 as never, cmd, sbdf: 0 as GuestSbdf, offset: 0, size: 4, value: 0, ...more };
    this.step({ kind: 'pciif.submitted', by: 'd1', data });
    this.step({ kind: 'pciif.taken', by: 'd0', data: { domid: 1 as never } });
    const events = this.step({ kind: 'pciif.served', by: 'd0', data: { domid: 1 as never } });
    const done = events.find((event) => event.kind === 'pciif.finished');
    return done?.kind === 'pciif.finished' ? done.data.err : undefined;
  }
}

describe('pciback', () => {
  // drivers/xen/xen-pciback/pciback_ops.c, xen_pcibk_disable_msi: only `if (dev->msi_enabled)`; v6.1, v6.12. Guests since
  // Linux 5.17 send disable_msi when they mean MSI-X, and cannot enable it again.
  it.each([
    ['now', currentBehaviour, -114],
    ['in older recordings', older, 0],
  ] as const)('keeps MSI-X when it is asked to turn MSI off, %s', (_, behaviour, again) => {
    const guest = new Guest(behaviour);
    expect(guest.ask(pciCommands.enable_msix, { value: 1 })).toBe(0);
    expect(guest.ask(pciCommands.disable_msi)).toBe(0);
    expect(guest.ask(pciCommands.enable_msix, { value: 1 })).toBe(again);
    expect(guest.ask(pciCommands.disable_msix)).toBe(0);
    expect(guest.ask(pciCommands.enable_msix, { value: 1 })).toBe(0);
  });

  // kernel/irq/msi.c frees what an allocation had that failed half way; the retry of the guest finds room.
  it.each([
    ['now', currentBehaviour, 0],
    ['in older recordings', older, -28],
  ] as const)('gives back the interrupts of a request that runs out of them, %s', (_, behaviour, retried) => {
    const guest = new Guest(behaviour);
    expect(guest.ask(pciCommands.enable_msix, { value: 64 })).toBe(-28);
    expect(guest.ask(pciCommands.enable_msix, { value: 1 })).toBe(retried);
  });

  it('names driver and device in what it says of that', () => {
    const guest = new Guest(currentBehaviour);
    guest.ask(pciCommands.enable_msix, { value: 64 });
    expect(
      lines(guest)
        .filter((line) => line.startsWith('pciback'))
        .slice(-2),
    ).toEqual([
      `pciback ${NVME}: xen map irq failed -28 for 1 domain`,
      `pciback ${NVME}: xen_pciback: error enabling MSI-X for guest 1: err -28!`,
    ]);
  });

  // drivers/base/dd.c sets the driver before it probes: pci_dev_wait already speaks as pciback.
  it.each([
    ['pciback', currentBehaviour],
    ['pci', older],
  ] as const)('is named %s by a reset while it seizes a device', (driver, behaviour) => {
    const machine = new Machine({ behaviour });
    const fn = functionId(0, (parseSbdf<Dom0Sbdf>(NVME)! & 0xffff) as never);
    machine.step({ kind: 'device.hung', by: 'hw', data: { function: fn, hangs: 'at-reset' } });
    machine.run('assignable-add', null, NVME);
    expect(lines(machine)).toContain(`${driver} ${NVME}: not ready 65535ms after FLR; giving up`);
  });

  // drivers/xen/xen-pciback/pci_stub.c, pcistub_device_release -> pcistub_reset_device_state; v6.12, not in v6.1
  it.each([
    ['6.12.0', currentBehaviour, 2],
    ['6.12.0', older, 1],
    ['6.1.192', currentBehaviour, 0],
  ] as const)('of a PVH Dom0 tells Xen of resets, Linux %s (%#)', (linux, behaviour, times) => {
    const machine = new Machine({ behaviour, dom0: 'pvh', switches: { linux, xen: '4.22.0' } });
    machine.run('assignable-add', null, NVME);
    machine.run('assignable-remove', null, NVME);
    const resets = machine.log.filter(
      (event) => event.kind === 'hypercall.entered' && event.data.op === 'pci_device_reset',
    );
    expect(resets).toHaveLength(times);
  });
});
