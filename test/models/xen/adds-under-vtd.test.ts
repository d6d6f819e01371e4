import { describe, expect, it } from 'vitest';
import type { PhysicalAddress } from '../../../src/base/brand.js';
import { errno } from '../../../src/base/errno.js';
import { functionId } from '../../../src/pci/function-id.js';
import { bdfOf } from '../../../src/pci/sbdf.js';
import { Host, machine, name, pciDevice, type Sketch, usual } from './machine.js';

const LATE = '0000:00:05.0';

/** A machine with a slot that is filled after Xen's boot. */
function plugged(sketch: Omit<Sketch, 'at'>): Host {
  const platform = machine([...usual, { ...sketch, at: LATE, absent: true }]);
  const one = new Host({ platform, policies: { iommu: 'on', 'dom0-iommu': 'strict' } });
  one.plug(LATE);
  return one;
}

const add = (one: Host): number => one.physdev('pci_device_add', { ...pciDevice(LATE), flags: 0 });

// xen/drivers/passthrough/pci.c, pci_add_device -> iommu_add_device; vtd/iommu.c, intel_iommu_add_device ->
// domain_context_mapping @RELEASE-4.17.0, RELEASE-4.22.0. Before behaviour 17 a report reached none of them.
describe('what Dom0 reports goes through VT-d', () => {
  it('a type it does not know is -EINVAL (default: of domain_context_mapping), and has no owner', () => {
    const one = plugged({ classCode: 0xffff });
    expect(add(one)).toBe(-errno.EINVAL);
    expect(one.owner(LATE)).toBeNull();
    expect(add(one)).toBe(-errno.EINVAL);
  });

  it('a bridge from PCI to PCI Express is -EINVAL too', () => {
    const platform = machine([
      ...usual,
      { at: LATE, classCode: 0x0604, header: 1, express: true, absent: true },
    ]);
    platform.functions.find(({ name: at }) => at === LATE)!.config[0x42] = 0x82;
    const one = new Host({ platform, policies: { iommu: 'on' } });
    one.plug(LATE);
    expect(add(one)).toBe(-errno.EINVAL);
  });

  it.each([{ classCode: 0x0600 }, { classCode: 0x0604, header: 1 }, {}, { express: true }])(
    'what it knows is taken: %o',
    (sketch) => {
      const one = plugged(sketch);
      expect(add(one)).toBe(0);
      expect(one.owner(LATE)).toBe(0);
    },
  );

  it('an endpoint gets its entry and reaches the memory of a strict Dom0', () => {
    const one = plugged({ express: true });
    const address = 0x4000 as PhysicalAddress;
    const data = { owner: 0 as never, use: 'ram', address, sizeBytes: 0x1000 } as const;
    one.engine.step({ kind: 'memory.given', by: 'xen', data });
    const reaches = (): boolean =>
      one.engine
        .step({
          kind: 'dma.attempted',
          by: 'hw',
          data: { function: functionId(0, bdfOf(name(LATE))), address, dir: 'write', data: null },
        })
        .some(({ kind }) => kind === 'memory.reached');
    expect(reaches()).toBe(false);
    expect(add(one)).toBe(0);
    expect(one.state.vtd.contexts[name(LATE)]).toMatchObject({ root: 'domain', domid: 0 });
    expect(reaches()).toBe(true);
    expect(one.physdev('pci_device_remove', pciDevice(LATE))).toBe(0);
    expect(one.state.vtd.contexts[name(LATE)]).toBeUndefined();
    expect(reaches()).toBe(false);
  });
});
