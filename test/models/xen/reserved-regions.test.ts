import { describe, expect, it } from 'vitest';
import type { DomainId, PhysicalAddress } from '../../../src/base/brand.js';
import { errno } from '../../../src/base/errno.js';
import type { RecordObject } from '../../../src/events/field.js';
import { bdfOf } from '../../../src/pci/sbdf.js';
import type { ReservedRegion } from '../../../src/platform/platform.js';
import { Host, machine, name, onDevice, usual } from './machine.js';

const NIC = '0000:00:02.0';
const PLAIN = '0000:00:04.0';
const IO = 0x7ff1;
const RELAXED = 1;
const PV = 1;
const HVM = 2;

const region = (base: number, end: number, ...devices: string[]): ReservedRegion => ({
  segment: 0,
  base,
  end,
  devices: devices.map((device) => bdfOf(name(device))),
});
const alone = region(0xda00_0000, 0xda00_ffff, NIC);
const shared = region(0xdb00_0000, 0xdb00_ffff, NIC, PLAIN);

const host = (...reservedRegions: ReservedRegion[]): Host =>
  new Host({ platform: machine(usual, { reservedRegions }) });
const assign = (h: Host, device: string, domain: number, flags = 0): number =>
  h.domctl('assign_device', onDevice(device, domain, { flags }) as RecordObject);
const held = (h: Host, domid: number) => h.state.physmap[domid]?.regions ?? [];
const memory = (h: Host, domid: number, address: number): void => {
  h.engine.step({
    kind: 'stage2.populated',
    by: 'toolstack',
    data: {
      domid: domid as DomainId,
      address: address as PhysicalAddress,
      target: 0x1_0000_0000 as PhysicalAddress,
      sizeBytes: 0x10_0000 as PhysicalAddress,
      writable: true,
    },
  });
};

/** @source xen/drivers/passthrough/vtd/iommu.c (intel_iommu_assign_device), xen/drivers/passthrough/x86/iommu.c */
const rows: readonly {
  readonly why: string;
  readonly regions: readonly ReservedRegion[];
  readonly to: number;
  readonly flags?: number;
  readonly given?: (h: Host) => void;
  readonly ret: number;
}[] = [
  { why: 'a region of its own', regions: [alone], to: PV, ret: 0 },
  { why: 'a shared region, strict', regions: [shared], to: PV, ret: -errno.EPERM },
  { why: 'a shared region, relaxed', regions: [shared], to: PV, flags: RELAXED, ret: 0 },
  { why: 'quarantine asks the same question', regions: [shared], to: IO, ret: -errno.EPERM },
  { why: 'quarantine, relaxed', regions: [shared], to: IO, flags: RELAXED, ret: 0 },
  {
    why: 'a region of another segment',
    regions: [{ ...shared, segment: 1 }],
    to: PV,
    ret: 0,
  },
  {
    why: 'memory of the guest stands there, strict',
    regions: [alone],
    to: HVM,
    given: (h) => memory(h, HVM, alone.base),
    ret: -errno.EBUSY,
  },
  {
    why: 'memory of the guest stands there, relaxed',
    regions: [alone],
    to: HVM,
    flags: RELAXED,
    given: (h) => memory(h, HVM, alone.base),
    ret: 0,
  },
  {
    why: 'a PV guest has no map to be in the way of',
    regions: [alone],
    to: PV,
    given: (h) => memory(h, PV, alone.base),
    ret: 0,
  },
  {
    why: 'another region overlaps one that is mapped',
    regions: [alone, region(alone.base + 0x1000, alone.end + 0x1000, NIC)],
    to: PV,
    ret: -errno.EADDRINUSE,
  },
];

describe('assign_device of a device with reserved memory', () => {
  it.each(rows)('$why', ({ regions, to, flags, given, ret }) => {
    const h = host(...regions);
    given?.(h);
    expect(assign(h, NIC, to, flags)).toBe(ret);
    expect(h.owner(NIC)).toBe(ret === 0 ? to : 0);
  });

  it('maps for a guest what the guest needs, never for dom_io, and takes it back', () => {
    const h = host(alone, shared);
    expect(
      held(h, 0)
        .map(({ count }) => count)
        .toSorted(),
    ).toEqual([1, 2]);
    expect(assign(h, NIC, IO, RELAXED)).toBe(0);
    expect(held(h, IO)).toEqual([]);
    expect(assign(h, NIC, PV, RELAXED)).toBe(0);
    expect(assign(h, PLAIN, PV, RELAXED)).toBe(0);
    expect(held(h, PV).find(({ base }) => base === shared.base)?.count).toBe(2);
    h.domctl('deassign_device', onDevice(NIC, PV) as RecordObject);
    expect(held(h, PV)).toEqual([{ base: shared.base, end: shared.end, count: 1 }]);
    h.domctl('deassign_device', onDevice(PLAIN, PV) as RecordObject);
    expect(held(h, PV)).toEqual([]);
    expect(held(h, 0)).toHaveLength(2);
  });

  it('says in its log what it thinks of a shared one', () => {
    const h = host(shared);
    const lines = [0, RELAXED].flatMap((flags) =>
      h.engine
        .step({
          kind: 'hypercall.issued',
          by: 'd0',
          data: {
            domid: 0 as DomainId,
            hypercall: 'domctl',
            op: 'assign_device',
            args: onDevice(NIC, PV, { flags }) as RecordObject,
          },
        })
        .flatMap((event) => (event.kind === 'xen.logged' ? [event.data.text] : [])),
    );
    expect(lines).toEqual([
      "[VT-D] It's disallowed to assign 0000:00:02.0 with shared RMRR at db000000 for d1.",
      "[VT-D] It's risky to assign 0000:00:02.0 with shared RMRR at db000000 for d1.",
    ]);
  });
});
