import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordObject } from '../../../src/events/field.js';
import { gsiMap, Host, msiMap, name, onDevice, pciDevice } from './machine.js';

const devices = ['0000:00:02.0', '0000:00:03.0', '0000:00:04.0', '0000:07:00.0', '0000:07:00.1'];
const device = fc.constantFrom(...devices);
const domid = fc.constantFrom(0, 1, 2, 3);
/** 0 is left out: Xen takes it for "no pirq" when it looks the other way round. */
const pirq = fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 400, max: 416 }));
const TABLE = 0xfd80_0000;

type Action = (host: Host) => void;
const act =
  (op: (host: Host) => unknown): Action =>
  (host) =>
    void op(host);

/** Calls that make sense often enough to build deep states. */
const action: fc.Arbitrary<Action> = fc.oneof(
  fc
    .tuple(device, domid, fc.constantFrom(0, TABLE), fc.nat({ max: 5 }))
    .map(([at, to, table, entry]) =>
      act((h) => h.physdev('map_pirq', msiMap(at, { domid: to, table_base: table, entry_nr: entry }))),
    ),
  fc
    .tuple(device, domid, fc.integer({ min: 1, max: 5 }))
    .map(([at, to, count]) =>
      act((h) => h.physdev('map_pirq', msiMap(at, { domid: to, type: 4, entry_nr: count }))),
    ),
  fc
    .tuple(fc.nat({ max: 24 }), pirq, domid)
    .map(([gsi, to, owner]) => act((h) => h.physdev('map_pirq', gsiMap(gsi, to, { domid: owner })))),
  fc
    .tuple(pirq, domid)
    .map(([number, owner]) => act((h) => h.physdev('unmap_pirq', { domid: owner, pirq: number }))),
  fc
    .tuple(pirq, domid)
    .map(([number, by]) =>
      act((h) => h.call(by, 'event_channel_op', 'bind_pirq', { pirq: number, flags: 1 })),
    ),
  fc
    .tuple(fc.integer({ min: 1, max: 4 }), domid)
    .map(([port, by]) => act((h) => h.call(by, 'event_channel_op', 'close', { port }))),
  fc
    .tuple(fc.constantFrom('bind_pt_irq', 'unbind_pt_irq'), pirq, fc.constantFrom(0, 2), fc.nat({ max: 3 }))
    .map(([op, machine_irq, irq_type, slot]) =>
      act((h) => {
        const type: RecordObject =
          irq_type === 0 ? { bus: 0, device: slot, intx: 0 } : { gvec: 64 + slot, gflags: 0, gtable: 0 };
        h.domctl(op, { domain: 2, machine_irq, irq_type, ...type });
      }),
    ),
  fc
    .tuple(device, fc.constantFrom(1, 2, 3, 0x7ff1), fc.boolean())
    .map(([at, to, back]) =>
      act((h) => h.domctl(back ? 'deassign_device' : 'assign_device', onDevice(at, to))),
    ),
  fc
    .tuple(device, fc.constantFrom('prepare_msix', 'release_msix', 'pci_device_add', 'pci_device_remove'))
    .map(([at, op]) => act((h) => h.physdev(op, pciDevice(at)))),
  fc.tuple(fc.constantFrom('0000:07:00.1', '0000:07:00.2')).map(([at]) =>
    act((h) => {
      h.plug(at);
      h.physdev('pci_device_add', { ...pciDevice(at), flags: 2, physfn: { bus: 7, devfn: 0 } });
    }),
  ),
  fc.constantFrom(1, 2, 3).map((gone) =>
    act((h) => {
      if (h.state.domains[gone] === undefined) h.domain(gone, gone === 1 ? 'pv' : 'hvm');
      else h.destroy(gone);
    }),
  ),
);

/** What must hold between two calls, whatever was called. */
function holds(host: Host): void {
  const { irq, xen, domains, permissions } = host.state;
  for (const [domain, { pirqs, pirqOf, bindings }] of Object.entries(irq.domains)) {
    for (const [number, info] of Object.entries(pirqs)) {
      if (info.irq > 0) expect(pirqOf[info.irq]).toBe(Number(number));
      if (info.irq < -1) expect(pirqOf[-info.irq]).toBe(-Number(number));
    }
    for (const [machine, number] of Object.entries(pirqOf))
      expect(pirqs[Math.abs(number)]?.irq).toBe(number > 0 ? Number(machine) : -Number(machine));
    for (const number of Object.keys(bindings)) expect(pirqs[Number(number)]?.irq ?? 0).not.toBe(0);
    expect(domains[Number(domain)], `d${domain} is gone`).not.toBe(undefined);
  }
  for (const [at, { entries }] of Object.entries(irq.msi)) {
    expect(xen.devices[Number(at)]).not.toBe(undefined);
    for (const entry of entries) expect(irq.created[entry.irq]).not.toBe(undefined);
    expect(new Set(entries.map((entry) => entry.type)).size).toBeLessThanOrEqual(1);
  }
  for (const [machine, guests] of Object.entries(irq.guests)) {
    expect(guests.length).toBeGreaterThan(0);
    if (guests.length > 1) expect(irq.exclusive[Number(machine)]).toBe(undefined);
  }
  for (const device of Object.values(xen.devices)) {
    const owner = device.owner ?? 0;
    expect(owner === 0x7ff1 || domains[owner] !== undefined).toBe(true);
    if (owner === 0x7ff1) expect(device.quarantine || owner !== 0).toBe(true);
  }
  for (const domain of Object.keys(permissions)) expect(domains[Number(domain)]).not.toBe(undefined);
}

describe('after any calls in any order', () => {
  it('pirqs, machine interrupts, MSI entries, owners and permissions agree', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 40 }), (actions) => {
        const host = new Host();
        for (const run of actions) {
          run(host);
          holds(host);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('the names used above are those of the machine', () => {
    const host = new Host();
    expect(devices.filter((at) => host.state.xen.devices[name(at)] !== undefined).length).toBe(4);
  });
});
