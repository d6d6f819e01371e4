import { describe, expect, it } from 'vitest';
import { whatIf } from '../../../replay/run/what-if.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import { findScenario } from '../../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../../src/scenarios/run.js';
import { choosePolicies } from '../../../src/state/trace-env.js';

const scenario = findScenario('who-owns-the-hardware')!;
const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
const recorded: TraceEvent[] = [];
runScenario(scenario, env, 1, (events) => recorded.push(...events));

/** `title: result` of every command, with what each design makes of it. */
function commandsUnder(choices: Readonly<Record<string, string>>): string[] {
  const { steps } = whatIf(env, choosePolicies(choices, env.policies), [recorded]);
  return steps
    .filter(({ report }) => report.result !== 'happens' && report.result !== 'killed')
    .map(({ title, report }) => {
      const [first] = report.messages;
      return `${title}: ${report.result}${first === undefined ? '' : ` (${first})`}`;
    });
}

const stores = ['pciback', 'xen-flag', 'xenstore'] as const;
const proposed = { 'hardware-domain': 'domd', 'driver-domain': 'proposed' } as const;

describe('one life cycle under every owner and store', () => {
  it('dom0, pciback: all of it works but the reset of the graphics card', () => {
    expect(commandsUnder({})).toEqual([
      'assignable-add 0000:01:00.0: done',
      'assignable-add 0000:02:00.0: done',
      'assignable-list: done',
      'create d2 0000:01:00.0: done',
      'detach d2 0000:01:00.0: done',
      'attach d2 0000:01:00.0: done',
      "attach d2 0000:02:00.0: done (The kernel doesn't support reset from sysfs for PCI device 0000:02:00.0)",
      "destroy d2: done (The kernel doesn't support reset from sysfs for PCI device 0000:02:00.0)",
      'create d3 0000:01:00.0: unfinished',
      'create d3 0000:01:00.0: failed (PCI device 0:1:0.0 is not assignable)',
      'assignable-list: done',
      "assignable-remove 0000:01:00.0: done (Couldn't find path for original driver; not rebinding)",
      'assignable-list: nobody (d0, the hardware domain, went down: its kernel crashed)',
      'assignable-list: done',
    ]);
  });

  it.each(['xen-flag', 'xenstore'])(
    'dom0, %s: nobody holds the device, and a PV guest never gets it',
    (store) => {
      const trail = commandsUnder({ assignable: store });
      expect(trail).toContain(
        "create d2 0000:01:00.0: done (pciback pci-2-0: -22 Couldn't locate PCI device (0000:01:00.0)! perhaps already in-use?)",
      );
      expect(trail).toContain(
        'detach d2 0000:01:00.0: done (Backend /local/domain/0/backend/pci/2/0 not ready)',
      );
    },
  );

  it('a driver domain as built: libxl finds no file, Xen leaves every device with domain 0', () => {
    const trail = commandsUnder({ 'hardware-domain': 'domd' });
    expect(trail[0]).toBe(
      "assignable-add 0000:01:00.0: failed (Couldn't lstat /sys/bus/pci/devices/0000:01:00.0: No such file or directory)",
    );
    expect(trail.slice(0, -2).filter((line) => / done/.test(line))).toEqual(['destroy d2: done']);
  });

  it('each repair shows the next wall: the channel, then privileges, then the backend of the driver domain', () => {
    const create = (level: string): string | undefined =>
      commandsUnder({ 'hardware-domain': 'domd', 'driver-domain': level }).find((line) =>
        line.startsWith('create d2'),
      );
    const detach = (level: string): string | undefined =>
      commandsUnder({ 'hardware-domain': 'domd', 'driver-domain': level }).find((line) =>
        line.startsWith('detach d2'),
      );
    expect(create('as-built')).toMatch(/is not assignable/);
    expect(create('channel')).toMatch(/xc_domain_iomem_permission 0xfde00000\/0x4000 \(error -1\)/);
    expect(create('backend-0')).toBe('create d2 0000:01:00.0: done');
    expect(detach('backend-0')).toBe(
      'detach d2 0000:01:00.0: done (Backend /local/domain/0/backend/pci/2/0 not ready)',
    );
    expect(detach('proposed')).toBe('detach d2 0000:01:00.0: done');
  });

  it('the proposed driver domain does what domain 0 does, up to its end', () => {
    const [owned, theirs] = [commandsUnder({}), commandsUnder(proposed)];
    expect(theirs.slice(0, 11)).toEqual(owned.slice(0, 11));
    expect(theirs.slice(12)).toEqual([
      'assignable-list: failed (request channel: no answer in time)',
      'assignable-list: done',
    ]);
  });

  it.each(stores)('nobody owns the hardware, %s: there is nobody to ask', (store) => {
    const trail = commandsUnder({ 'hardware-domain': 'dom0less', assignable: store });
    expect(trail.every((line) => line.includes(': nobody (no domain runs a toolstack'))).toBe(true);
  });

  it('no command is left in the middle in any design', () => {
    for (const owner of [{ 'hardware-domain': 'dom0' }, { 'hardware-domain': 'domd' }, proposed]) {
      for (const assignable of stores) {
        const unfinished = commandsUnder({ ...owner, assignable }).filter((line) =>
          line.endsWith('unfinished'),
        );
        expect(unfinished.length).toBeLessThanOrEqual(1);
      }
    }
  });
});
