import { describe, expect, it } from 'vitest';
import { whatIf } from '../../replay/run/what-if.js';
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
  /** What each design says of the `nth` access to a register that some design answers otherwise. */
  const atRegister = (register: string, nth = 0): string[] => {
    const differing = runs.flatMap((run) => run.accesses).filter((one) => one.register === register);
    const seqs = [...new Set(differing.map(({ seq }) => seq))].sort((a, b) => a - b);
    return answersAt(seqs[nth]!);
  };
  const answersAt = (seq: number): string[] => {
    const recorded = runs.flatMap((run) => run.accesses).find((one) => one.seq === seq)!.recorded;
    return runs.map(({ accesses }) => accesses.find((one) => one.seq === seq)?.variant ?? recorded);
  };
  /** What became of the `nth` input of a kind that some design answers otherwise. */
  const ofKind = (kind: TraceEvent['kind'], nth: number): string[] => {
    const seqs = new Set(runs.flatMap((run) => run.accesses).map(({ seq }) => seq));
    return answersAt(events.filter((one) => one.kind === kind && seqs.has(one.seq))[nth]!.seq);
  };
  return { runs, answers, rules, env, events, atRegister, ofKind };
}

/** The events of a scenario when it runs under a design from the start. */
function recordUnder(name: string, mmconfig: string): TraceEvent[] {
  const scenario = findScenario(name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: { mmconfig }, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => events.push(...batch));
  return events;
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
    // Xen's own slot says the same of commands; the card QEMU plugs is behind a port the guest does not reach.
    expect(withInterrupt.map(({ variant }) => variant)).toEqual([
      'd1 interrupt 64, xen-chipset',
      '-EEXIST',
      'd1 interrupt 64, xen-chipset',
    ]);
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

const ONES = '0xffffffff';

describe('a whole Q35 with a vGPU of another server', () => {
  const { runs, rules, atRegister } = compare('q35-full-machine-boot');

  it('answers under its own design as it was recorded, more than a thousand accesses over', () => {
    expect(runs[0]).toMatchObject({ changed: 0, accesses: [] });
  });

  it('shows the extended capabilities of the vGPU wherever Xen knows the window', () => {
    const found = (header: string) => [
      `server:1 ${ONES}`,
      ...designs.slice(1).map(() => `server:0 ${header}`),
    ];
    expect(atRegister('0000:01:00.0+0x100')).toEqual(found('0x14820001'));
    expect(atRegister('0000:01:00.1+0x100')).toEqual(found('0x20001'));
  });

  it('has virtual functions where their switch above 0xff is reached', () => {
    // Today nobody has 01:00.2: the write of NumVFs and VF Enable went to QEMU.
    expect(atRegister('0000:01:00.2+0xc')[0]).toBe(`nobody ${ONES}`);
    expect(atRegister('0000:01:00.2+0x100')).toEqual([
      `server:1 ${ONES}`,
      'server:0 0x14820001',
      'server:0 0x14820001',
      'server:0 0x14820001',
    ]);
  });

  it("loses what QEMU has behind its own ports when Xen's stand in their place", () => {
    expect(atRegister('0000:02:00.0+0x0')).toEqual([
      'server:1 0x8086',
      'server:1 0x8086',
      `nobody 0xffff`,
      'server:1 0x8086',
    ]);
    expect(rules).toEqual([['IOR-001'], [], [], []]);
  });

  it('tells of a facility QEMU loses when the guest needs it, one by one', () => {
    const lost = recordUnder('q35-full-machine-boot', 'xen-chipset').flatMap((event) =>
      event.kind === 'facility.lost' ? [event.data.facility] : [],
    );
    expect(lost).toEqual(['acpi-pm', ...[0, 1, 2, 3].map((fn) => `port 0000:00:1c.${fn}`)]);
  });
});

describe('a vGPU plugged in behind a root port', () => {
  const { atRegister, ofKind } = compare('vgpu-hotplug-behind-root-port');
  const SLOT_STATUS = '0000:00:1c.0+0xaa';

  it("shows and interrupts in a slot of Xen's only", () => {
    expect(atRegister(SLOT_STATUS, 2)).toEqual([
      'server:1 0x0',
      'server:1 0x0',
      'xen-chipset 0x49',
      'server:1 0x0',
    ]);
    expect(ofKind('hypercall.issued', 0)).toEqual(['0', '0', 'd1 interrupt 64, 0', '0']);
  });

  it('is reached before the slot has power everywhere else', () => {
    expect(atRegister('0000:01:00.0+0x0')).toEqual([
      'server:0 0x19268086',
      'server:0 0x19268086',
      `nobody ${ONES}`,
      'server:0 0x19268086',
    ]);
  });
});

describe('buses and windows rebalanced under a second server', () => {
  const { atRegister, rules } = compare('bus-and-windows-rebalanced-behind-port');

  it('keeps the vGPU where Xen follows the ports', () => {
    expect(atRegister('0000:09:00.0+0x0')).toEqual([
      `nobody ${ONES}`,
      `nobody ${ONES}`,
      'server:0 0x19268086',
      'server:0 0x19268086',
    ]);
  });

  it('leaves half of the vGPU in the slot of another card elsewhere', () => {
    expect(atRegister('0000:01:00.1+0x0')).toEqual([
      'server:0 0x9d708086',
      'server:0 0x9d708086',
      `nobody ${ONES}`,
      `nobody ${ONES}`,
    ]);
    expect(rules.map((found) => found.includes('BRG-011'))).toEqual([true, true, false, false]);
  });
});

describe('a function that changes servers under ECAM', () => {
  const { atRegister } = compare('function-moved-between-servers-under-ecam');

  it('is followed through the window by whoever knows the window', () => {
    const vendor = [0, 1, 2].map((nth) => atRegister('0000:01:00.0+0x1a0', nth));
    expect(vendor[0]).toEqual([
      `server:0 ${ONES}`,
      'server:1 0x1000b',
      'server:1 0x1000b',
      'server:1 0x1000b',
    ]);
    expect(vendor[1]!.slice(1)).toEqual([`nobody ${ONES}`, `nobody ${ONES}`, `nobody ${ONES}`]);
    expect(vendor[2]).toEqual([
      `server:0 ${ONES}`,
      'server:2 0x1000b',
      'server:2 0x1000b',
      'server:2 0x1000b',
    ]);
  });
});

describe('PCIEXBAR of every size (facts/q35-qemu 1.3)', () => {
  const { runs, atRegister } = compare('pciexbar-sizes-and-moves');

  it('leads to the vGPU while a window is open, a reserved size included', () => {
    // 256, 128, 64 MiB, reserved, reserved without enable, moved, 128 MiB with bit 27, in this order.
    for (let nth = 0; nth < 7; nth++) {
      expect(atRegister('0000:01:00.0+0x0', nth)).toEqual([
        `server:1 ${ONES}`,
        'server:0 0x19268086',
        'server:0 0x19268086',
        'server:0 0x19268086',
      ]);
    }
  });

  it('is read by QEMU and by Xen in the same way: no access outside the window differs', () => {
    const outside = runs.flatMap(({ accesses }) => accesses).filter(({ register }) => register === null);
    expect(outside).toEqual([]);
  });
});

describe('PMBASE and ACPI control', () => {
  const { atRegister, answers } = compare('pmbase-and-acpi-control');

  it("stay at Xen's place where Xen owns or guards the LPC bridge", () => {
    expect(atRegister('0000:00:1f.0+0x40', 1)).toEqual([
      'server:0',
      'server:0',
      'xen-chipset',
      'xen-intercept',
    ]);
    expect(atRegister('0000:00:1f.0+0x40', 2)).toEqual([
      'server:0 0x601',
      'server:0 0x601',
      'xen-chipset 0xb001',
      'server:0 0xb001',
    ]);
  });

  it("keep QEMU's registers from being decoded there", () => {
    expect(answers(0x600)).toEqual(['server:0 0x1', 'server:0 0x1', 'nobody 0xffff', 'nobody 0xffff']);
  });

  it('tell what QEMU loses as the guest reaches for it', () => {
    const lost = recordUnder('pmbase-and-acpi-control', 'xen-chipset').flatMap((event) =>
      event.kind === 'facility.lost' ? [event.data.facility] : [],
    );
    expect(lost).toEqual(['acpi-pm', 'acpi-hotplug', 'nvdimm']);
  });
});

describe('one card in two servers', () => {
  const { atRegister } = compare('gpu-and-audio-in-two-servers');

  it('shows its ACS through the window only; a slot of Xen has no power until the guest gives it', () => {
    expect(atRegister('0000:01:00.0+0x14c')).toEqual([
      `server:0 ${ONES}`,
      'server:1 0x4c',
      `nobody ${ONES}`,
      'server:1 0x4c',
    ]);
  });
});

describe('messages on their way to a root port (facts/arm-msi-iommu 8.3, 8.4)', () => {
  const { ofKind, atRegister, runs } = compare('pme-and-aer-forwarded-to-root-port');

  it('reach it from the vGPU where Xen knows the port', () => {
    expect(ofKind('function.signalled', 0)).toEqual([
      'told server:0',
      'told server:0',
      'port 0000:00:1c.0 of xen, d1 interrupt 65',
      'port 0000:00:1c.0 of server:1, d1 interrupt 65',
    ]);
    expect(atRegister('0000:00:1c.0+0x134')).toEqual([
      'server:1 0x0',
      'server:1 0x0',
      'xen-chipset 0x1000000',
      'server:1 0x1000000',
    ]);
  });

  it("are correctable errors in Xen's port only: QEMU's lets none out", () => {
    expect(ofKind('function.signalled', 1).map((text) => text.includes('interrupt'))).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });

  it('are power-management events where Xen has PME enable; the second waits for the first', () => {
    const ROOT_STATUS = '0000:00:1c.0+0xb0';
    const reads = [0, 2, 4].map((nth) => atRegister(ROOT_STATUS, nth));
    expect(reads.map((designs) => designs[0])).toEqual(['server:1 0x0', 'server:1 0x0', 'server:1 0x0']);
    expect(reads.map((designs) => designs[2])).toEqual([
      'xen-chipset 0x30100',
      'xen-chipset 0x10101',
      'xen-chipset 0x101',
    ]);
    expect(reads.map((designs) => designs[3])).toEqual([
      'server:1 0x30100',
      'server:1 0x10101',
      'server:1 0x101',
    ]);
  });

  it('are reported lost, message by message', () => {
    const lost = runs.map(({ findings }) =>
      findings.flatMap(({ rule, evidence }) => (rule === 'BRG-010' ? [evidence['message']] : [])),
    );
    const vgpu = ['ERR_FATAL', 'ERR_COR', 'PM_PME', 'PM_PME'];
    // Under xen-chipset it is QEMU's own card that is out of reach.
    expect(lost).toEqual([[...vgpu, 'PM_PME'], [...vgpu, 'PM_PME'], ['ERR_NONFATAL', 'PM_PME'], []]);
  });
});

describe('a full re-initialisation', () => {
  /** Where a guest under a design finds the vGPU afterwards, by the ids it read last. */
  const foundAt = (mmconfig: string): number[] => {
    const names = new Map<number, boolean>();
    const events = recordUnder('dsm-full-reinitialisation', mmconfig);
    let latch = 0;
    for (const event of events) {
      if (event.kind === 'cf8.latched') latch = event.data.value;
      if (event.kind !== 'io.completed' || (latch & 0xfc) !== 0) continue;
      const asked = events[event.data.request];
      if (asked?.kind !== 'io.requested' || asked.data.addr !== 0xcfc || asked.data.size !== 4) continue;
      if (asked.data.dir === 'read') names.set((latch >>> 8) & 0xffff, event.data.value === 0x1926_8086);
    }
    return [...names].flatMap(([name, isVgpu]) => (isVgpu ? [name] : []));
  };

  it('takes the vGPU along where Xen follows the ports, and leaves it on bus 1 elsewhere', () => {
    // Ports are numbered from the last to the first. Without QEMU's switch there are fewer buses below 00:1c.0.
    expect(designs.map(foundAt)).toEqual([[0x100], [0x100], [0x500], [0x700]]);
  });

  it('is found by the rules where the vGPU turns up behind another port', () => {
    const { rules } = compare('dsm-full-reinitialisation');
    expect(rules.map((found) => found.includes('BRG-011'))).toEqual([true, true, false, false]);
    expect(rules.every((found) => found.includes('BRG-003'))).toBe(true);
  });

  it('leaves the message of the vGPU to those who find it', () => {
    const raised = designs.map(
      (design) =>
        recordUnder('dsm-full-reinitialisation', design).filter(
          (event) => event.kind === 'msi.delivered' && event.data.vector === 0x51,
        ).length,
    );
    expect(raised).toEqual([1, 1, 2, 2]);
  });
});
