import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import { Engine } from '../../../src/models/engine.js';
import { functionId } from '../../../src/pci/function-id.js';
import { bdf, type Dom0Sbdf, sbdf } from '../../../src/pci/sbdf.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { chooseSwitches } from '../../../src/state/trace-env.js';
import { twoBridges } from '../arm/bench.js';

/** What Dom0 asks and prints for each device of a list of names. */
function told(
  switches: Record<string, string>,
  names: readonly number[],
  behaviour = currentBehaviour,
): string[] {
  const env = {
    platform: twoBridges(),
    policies: defaultPolicies,
    switches: chooseSwitches(switches),
    behaviour,
  };
  const engine = new Engine(env);
  engine.step({
    kind: 'domain.created',
    by: 'xen',
    data: {
      domid: 0 as DomainId,
      type: 'arm',
      privileged: true,
      hardware: true,
      target: null,
      name: 'Domain-0',
    },
  });
  return names.flatMap((name) =>
    engine
      .step({
        kind: 'linux.enumerated',
        by: 'd0',
        data: {
          sbdf: name as Dom0Sbdf,
          function: functionId(0, bdf(1, 0, 0)),
          gsi: 0,
          driver: null,
          enabled: false,
          physfn: null,
        },
      })
      .flatMap(({ kind, data }) => {
        if (kind === 'hypercall.entered') return [data.op];
        if (kind === 'hypercall.returned') return [String(data.ret)];
        return kind === 'linux.logged' ? [data.text] : [];
      }),
  );
}

const first = sbdf(0, bdf(1, 0, 0));
const second = sbdf(0, bdf(1, 1, 0));
const other = sbdf(1, bdf(1, 0, 0));
const refused = (name: string): string => `pci ${name}: Failed to add - passthrough or MSI/MSI-X might fail!`;

// drivers/xen/pci.c, xen_add_device and xen_pci_notifier of v6.12
describe('reports of Linux to a Xen that does not know them', () => {
  it('ask the new way once and the older way from then on, which has no segments', () => {
    expect(told({ xen: '4.20' }, [first, second, other])).toEqual([
      'pci_device_add',
      '-38',
      'manage_pci_add',
      '-38',
      refused('0000:01:00.0'),
      'manage_pci_add',
      '-38',
      refused('0000:01:01.0'),
      refused('0001:01:00.0'),
    ]);
  });

  it('go on the new way where Xen refuses for another reason', () => {
    expect(told({}, [first, second])).toEqual([
      'pci_device_add',
      '-19',
      refused('0000:01:00.0'),
      'pci_device_add',
      '-19',
      refused('0000:01:01.0'),
    ]);
  });

  it('name the device that is in no segment Xen could be told', () => {
    expect(told({ linux: '6.12.31' }, [sbdf(0x1_0000, bdf(1, 0, 0))])).toEqual([
      'pci 10000:01:00.0: not registering with Xen: invalid PCI segment',
    ]);
    expect(told({ linux: '6.12.30' }, [sbdf(0x1_0000, bdf(1, 0, 0))])[0]).toBe('pci_device_add');
  });

  it('stay as they were in older traces', () => {
    const before = currentBehaviour.filter((number) => number < 13);
    expect(told({ 'arm-pci': 'absent' }, [first, second], before)).toEqual([
      'pci_device_add',
      '-38',
      'Failed to add - passthrough or MSI/MSI-X might fail!',
      'pci_device_add',
      '-38',
      'Failed to add - passthrough or MSI/MSI-X might fail!',
    ]);
  });
});
