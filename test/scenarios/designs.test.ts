import { describe, expect, it } from 'vitest';
import { whatIf } from '../../replay/what-if.js';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { findScenario } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';
import { choosePolicies } from '../../src/state/trace-env.js';

const designs = ['none', 'notify', 'xen-chipset', 'transparent'] as const;

/** What each design says about the accesses on which they differ, by a piece of the access' own line. */
function compare(name: string) {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => events.push(...batch));
  const runs = designs.map((mmconfig) => {
    const policies = choosePolicies({ mmconfig }, env.policies);
    return whatIf(env, policies, [events], { deviceModels: scenario.deviceModels!({ ...env, policies }) });
  });
  /** Who answered the `nth` memory access at `addr`, under each design. */
  const answers = (addr: number, nth = 0): string[] => {
    const seq = events.filter(
      ({ kind, data }) => kind === 'io.requested' && (data as { addr: number }).addr === addr,
    )[nth]!.seq;
    return runs.map(({ accesses }) => {
      const change = accesses.find((access) => access.seq === seq);
      if (change !== undefined) return change.variant;
      return (
        runs.flatMap((run) => run.accesses).find((access) => access.seq === seq)?.recorded ?? 'as recorded'
      );
    });
  };
  const rules = runs.map(({ findings }) => [...new Set(findings.map(({ rule }) => rule))]);
  return { runs, answers, rules, env };
}

const ECAM = 0xb000_0000;
const VGPU = 0x100;

describe('the four designs of 2018 over one guest (facts/xen 13.3)', () => {
  const { answers, rules, runs, env } = compare('q35-two-servers');

  it('ECAM of the vGPU reaches QEMU today, which does not have it, and the emulator under every other design', () => {
    expect(answers(ECAM + VGPU * 4096)).toEqual([
      'server:1 0xffffffff',
      'server:0 0x19268086',
      'server:0 0x19268086',
      'server:0 0x19268086',
    ]);
  });

  it('extended capabilities are there once ECAM leads to the function', () => {
    expect(answers(ECAM + VGPU * 4096 + 0x100)).toEqual([
      'server:1 0xffffffff',
      'server:0 0x1000b',
      'server:0 0x1000b',
      'server:0 0x1000b',
    ]);
  });

  it('CF8 and ECAM disagree today only', () => {
    expect(rules).toEqual([['IOR-001'], [], [], []]);
  });

  it('changes nothing under the recorded design, device models answering anew', () => {
    expect(env.policies.mmconfig).toBe('none');
    expect(runs[0]).toMatchObject({ changed: 0, accesses: [] });
  });

  it('only a chipset of Xen keeps its own registers, and only an interception hides one', () => {
    const owners = (nth: number) =>
      runs.map(({ accesses }) =>
        accesses.some(({ variant }) => variant.startsWith(['xen-chipset', 'xen-intercept'][nth]!)),
      );
    expect(owners(0)).toEqual([false, false, true, false]);
    expect(owners(1)).toEqual([false, false, false, true]);
  });
});

describe('a window that moves', () => {
  it('has a gap under notify, none where Xen sees the write', () => {
    const { answers, rules } = compare('pciexbar-moved');
    const moved = ECAM + 0x1000_0000 + VGPU * 4096 + 0x100;
    expect(answers(moved)).toEqual([
      'nobody 0xffffffff',
      'nobody 0xffffffff',
      'server:0 0x1000b',
      'server:0 0x1000b',
    ]);
    expect(rules.map((found) => found.includes('IOR-011'))).toEqual([false, true, false, false]);
  });
});

describe('a bus that is renumbered', () => {
  it('takes its functions along only where Xen follows the ports', () => {
    const { runs } = compare('bus-renumbered-under-server');
    const found = runs.map(({ accesses }) =>
      accesses.some(
        ({ recorded, variant }) => recorded.startsWith('nobody') && variant.startsWith('server:0'),
      ),
    );
    expect(found).toEqual([false, false, true, true]);
  });
});

describe('interrupts of device models', () => {
  const { runs, env } = compare('hotplug-window-too-small');

  it('belong to the access that led to them, and differ with it', () => {
    const withInterrupt = runs[2]!.accesses.filter(({ recorded }) => recorded.includes('interrupt'));
    expect(withInterrupt.map(({ register, recorded }) => [register, recorded])).toEqual([
      // Slot control, as it is enabled and as its command completes; between them the card is plugged.
      ['0000:00:1c.0+0xa8', 'd1 interrupt 64, server:0'],
      [null, 'd1 interrupt 64'],
      ['0000:00:1c.0+0xa8', 'd1 interrupt 64, server:0'],
    ]);
    expect(withInterrupt.every(({ variant }) => !variant.includes('interrupt'))).toBe(true);
  });

  it('are those of the recording under its own design, device models answering anew', () => {
    expect(env.policies.mmconfig).toBe('none');
    expect(runs[0]).toMatchObject({ changed: 0, accesses: [] });
  });
});

describe('which rule of a design chose who answers', () => {
  it('is the range, the window, the latch, or Xen itself', () => {
    const { runs } = compare('q35-two-servers');
    const reasons = runs.map(({ accesses }) => [
      ...new Set(
        accesses.map(({ recordedReason, variantReason }) => `${recordedReason} -> ${variantReason}`),
      ),
    ]);
    expect(reasons).toEqual([
      [],
      ['range -> window'],
      ['latch -> own chipset', 'range -> window', 'nobody -> own chipset'],
      ['range -> window', 'nobody -> intercept'],
    ]);
  });
});
