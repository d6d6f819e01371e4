import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { Judge } from '../../src/rules/judge.js';
import { findScenario } from '../../src/scenarios/index.js';
import { scenarioEnv } from '../../src/scenarios/run.js';

const PORT = 0xe0;

/** A guest that finds a bridge at 00:1c.0 and then writes the given registers: what is found. */
function found(writes: readonly (readonly [reg: number, size: number, value: number])[]): string[] {
  const scenario = findScenario('malformed-bridges')!;
  const judge = new Judge(scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null }));
  let seq = 0;
  const see = (kind: string, data: object): void =>
    judge.see({
      seq: seq++,
      atNs: 0,
      origin: 'simulated',
      by: 'xen',
      cause: null,
      kind,
      data: { domid: 1, vcpu: 0, server: 0, ...data },
    } as unknown as TraceEvent);
  const sent = (reg: number, size: number, dir: string, data: number): void =>
    see('ioreq.sent', { type: 'pci_config', sbdf: PORT, reg, size, dir, data, request: null });
  sent(0x0c, 4, 'read', 0);
  see('ioreq.completed', { how: 'answered', data: 0x0001_0000, dataHigh: 0, request: null });
  for (const [reg, size, value] of writes) sent(reg, size, 'write', value);
  return judge.findings.filter(({ rule }) => rule.startsWith('BRG')).map(({ rule }) => rule);
}

describe('bus numbers', () => {
  it('may be out of order while they are written byte by byte, secondary first (facts/q35-qemu 7)', () => {
    expect(
      found([
        [0x18, 1, 0],
        [0x19, 1, 3],
        [0x1a, 1, 0xff],
        [0x04, 2, 7],
      ]),
    ).toEqual([]);
  });

  it('are judged once the guest goes on', () => {
    expect(
      found([
        [0x19, 1, 3],
        [0x1a, 1, 2],
        [0x04, 2, 7],
      ]),
    ).toEqual(['BRG-004']);
  });

  it('cost no more memory when a guest varies them', () => {
    const writes = Array.from({ length: 6000 }, (_, i) => {
      const secondary = 1 + (i % 255);
      const subordinate = Math.floor(i / 255) % Math.max(1, secondary);
      return [0x18, 4, subordinate * 0x1_0000 + secondary * 0x100] as const;
    });
    expect(found(writes).filter((rule) => rule === 'BRG-004').length).toBeLessThanOrEqual(4096);
    expect(found(writes.slice(0, 100)).length).toBe(100);
  });
});
