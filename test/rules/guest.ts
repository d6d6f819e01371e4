import type { TraceEvent } from '../../src/events/catalogue.js';
import { Judge } from '../../src/rules/judge.js';
import { findScenario } from '../../src/scenarios/index.js';
import { scenarioEnv } from '../../src/scenarios/run.js';

/** A guest whose configuration accesses are given event by event; server 0 answers what the test says. */
export class Guest {
  readonly judge: Judge;
  #seq = 0;

  constructor() {
    const scenario = findScenario('malformed-bridges')!;
    this.judge = new Judge(scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null }));
  }

  see(kind: string, data: object): void {
    this.judge.see({
      seq: this.#seq++,
      atNs: 0,
      origin: 'simulated',
      by: 'xen',
      cause: null,
      kind,
      data: { domid: 1, vcpu: 0, server: 0, ...data },
    } as unknown as TraceEvent);
  }

  #sent(sbdf: number, reg: number, size: number, dir: string, data: number): void {
    const addr = sbdf * 2 ** 32 + reg;
    const rest = { count: 1, dataIsPtr: false, buffered: false, dataHigh: 0, request: null };
    this.see('ioreq.sent', { type: 'pci_config', addr, sbdf, reg, size, dir, data, ...rest });
  }

  write(sbdf: number, reg: number, size: number, value: number): void {
    this.#sent(sbdf, reg, size, 'write', value);
  }

  read(sbdf: number, reg: number, size: number, answer: number): void {
    this.#sent(sbdf, reg, size, 'read', 0);
    this.see('ioreq.completed', { how: 'answered', data: answer, dataHigh: 0, request: null });
  }

  unclaimed(data: object): void {
    this.see('ioreq.unclaimed', { type: 'memory', sbdf: null, reg: null, size: 4, dir: 'read', ...data });
  }

  /** A header of type 0 or 1. */
  find(sbdf: number, headerType: 0 | 1): void {
    this.read(sbdf, 0x0c, 4, headerType * 0x1_0000);
  }

  /** Sizes a base register, then puts an address into it. */
  place(sbdf: number, reg: number, mask: number, address: number): void {
    this.write(sbdf, reg, 4, 0xffff_ffff);
    this.read(sbdf, reg, 4, mask);
    this.write(sbdf, reg, 4, address);
  }

  /** Findings of a family, code and message. */
  found(family = 'BRG'): string[] {
    return this.judge.findings
      .filter(({ rule }) => rule.startsWith(family))
      .map(({ rule, message }) => `${rule} ${message}`);
  }
  /** How many findings of a family there are, those that are only counted among them. */
  count(family: string): number {
    const { kept, more } = this.judge.found;
    const others = more.filter(({ rule }) => rule.startsWith(family));
    return (
      kept.filter(({ rule }) => rule.startsWith(family)).length +
      others.reduce((sum, { count }) => sum + count, 0)
    );
  }
}
