import { describe, expect, it } from 'vitest';
import { whatIf } from '../../../replay/run/what-if.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import type { Policies } from '../../../src/policy/axes.js';
import { findScenario } from '../../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../../src/scenarios/run.js';

/** The reports of a scenario's life cycle under other policies. */
function reports(name: string, policies: Partial<Policies> = {}) {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => events.push(...batch));
  return whatIf(env, { ...env.policies, ...policies }, [events]).steps.map(({ title, report }) => ({
    title,
    ...report,
  }));
}

const workload = 'who-owns-the-hardware';
const card = '0000:02:00.0';
const sound = '0000:02:00.1';

describe('who knows what hangs together, who resets, what is lost (facts/dom0 12.1, 12.3)', () => {
  it.each([
    [{}, `${sound} (function, in d0's files, read for .* only)`, 'xl and pciback, by no method'],
    [{ assignable: 'xen-flag' }, `${sound} (function, in d0's files, read for .* only)`, 'xl, by no method'],
    [{ 'hardware-domain': 'domd' }, `${sound} (function, in d1's files, out of reach)`, 'nobody'],
    [
      { 'hardware-domain': 'domd', 'driver-domain': 'proposed' },
      `${sound} (function, d1 tells, asked for .* only)`,
      'd1 when xl asks, and its pciback, by no method',
    ],
    [
      { 'hardware-domain': 'domd', 'driver-domain': 'proposed', assignable: 'xenstore' },
      `${sound} (function, d1 tells, asked for .* only)`,
      'd1 when xl asks, by no method',
    ],
    [{ 'hardware-domain': 'dom0less' }, null, 'nobody'],
  ] as const)('of a card with two functions under %o', (policies, group, resetter) => {
    const listed = reports(workload, policies).find(({ title }) => title === `assignable-add ${card}`)!;
    expect(listed.knows).toMatchObject([{ device: card, group, resetter }]);
  });

  it.each([
    [{}, ['01 XenStore: driver was nvme', '02 XenStore: driver was nouveau']],
    // One claim was taken back before; of the guest that timed out, keys of a backend are left.
    [{ assignable: 'xen-flag' }, ['01 XenStore: backend keys of d2']],
    [
      { assignable: 'xenstore' },
      [
        '01 XenStore: listed as assignable',
        '01 XenStore: backend keys of d2',
        '02 XenStore: listed as assignable',
      ],
    ],
    [{ 'hardware-domain': 'domd' }, []],
    [{ 'hardware-domain': 'dom0less' }, []],
  ] as const)('when XenStore loses its tree under %o', (policies, expected) => {
    const { lost } = reports(workload, policies).find(({ title }) => title === 'XenStore loses its tree')!;
    expect(lost.map((one) => one.replace(/^0000:(\d\d):00\.0/, '$1'))).toEqual(expected);
  });

  it.each([
    // The machine resets.
    [{}, ['01 Xen: d0', '02 Xen: quarantine', '02 Linux: pciback']],
    [{ 'hardware-domain': 'domd' }, ['01 Xen: d0', '01 Linux: nvme', '02 Xen: d0', '02 Linux: nouveau']],
    // Xen keeps who has what; the list was pciback's.
    [{ 'hardware-domain': 'domd', 'driver-domain': 'proposed' }, ['01 Xen: d1', '02 Linux: pciback']],
    [{ 'hardware-domain': 'dom0less' }, []],
  ] as const)('when the owner goes down under %o', (policies, expected) => {
    const { lost } = reports(workload, policies).find(({ title }) => title === 'the owner goes down')!;
    expect(lost.map((one) => one.replace(/^0000:(\d\d):00\.0/, '$1'))).toEqual(expected);
  });

  it.each([
    [
      {},
      ['xl destroy 3', 'xenstore-rm /libxl/pci/0000-01-00-0/domid', 'xl pci-assignable-add 0000:01:00.0'],
      [],
      ['reboot', 'xl pci-assignable-add 0000:01:00.0'],
    ],
    [
      { 'hardware-domain': 'domd' },
      ['xl pci-assignable-add 0000:01:00.0', '# no guest gets it: xl has no way to the files of d1'],
      ['xl pci-assignable-add 0000:01:00.0', '# no guest gets it: xl has no way to the files of d1'],
      ['reboot', 'xl pci-assignable-add 0000:01:00.0'],
    ],
    [
      { 'hardware-domain': 'domd', 'driver-domain': 'proposed' },
      ['xl destroy 3', 'xenstore-rm /libxl/pci/0000-01-00-0/domid', 'xl pci-assignable-add 0000:01:00.0'],
      [],
      ['xl create domd', 'modprobe xen-pciback', 'xl pci-assignable-add 0000:01:00.0'],
    ],
    [
      { 'hardware-domain': 'dom0less' },
      ...Array<string[]>(3).fill([
        '# Xen gives devices away while it boots: change the device tree and reboot',
      ]),
    ],
  ] as const)(
    'the way back after a kill, an empty XenStore and the end of the owner under %o',
    (policies, ...ways) => {
      const steps = reports(workload, policies);
      const after = ['xl is killed', 'XenStore loses its tree', 'the owner goes down'];
      expect(after.map((one) => steps.find(({ title }) => title === one)!.knows[0]!.wayBack)).toEqual(ways);
    },
  );

  it('a neighbour behind one bridge is in the group, and nobody on the machine knows', () => {
    const [listed] = reports('device-behind-a-bridge-not-alone');
    expect(listed!.knows).toMatchObject([{ group: '0000:07:02.0 (group, nobody knows)' }]);
  });

  it('a driver domain that is silent tells nothing and resets nothing', () => {
    const steps = reports('driver-domain-dies-during-attach');
    expect(steps.at(-1)!.knows).toMatchObject([{ group: null, resetter: 'nobody' }]);
  });
});
