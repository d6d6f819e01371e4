import { describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/events/catalogue.js';
import { scenarios } from '../../src/scenarios/index.js';
import { runScenario, scenarioEnv } from '../../src/scenarios/run.js';

function record(name: string): TraceEvent[] {
  const scenario = scenarios.find((one) => one.name === name)!;
  const env = scenarioEnv(scenario, { seed: 1, policies: {}, switches: {}, platform: null });
  const events: TraceEvent[] = [];
  runScenario(scenario, env, 1, (batch) => events.push(...batch));
  return events;
}

const GUEST = 1;
const STUBDOM = 2;

/** Which domain an operation of the toolstack is for, in order and without repetitions. */
function subjects(events: readonly TraceEvent[], ...ops: string[]): string[] {
  const list = events.flatMap((event) =>
    event.kind === 'hypercall.entered' && ops.includes(event.data.op)
      ? [
          `${event.data.op} d${Number(event.data.args['domain'] ?? event.data.args['domid'])}${event.data.domid === 0 ? '' : ` by d${event.data.domid}`}`,
        ]
      : [],
  );
  return list.filter((line, i) => line !== list[i - 1]);
}

const errors = (events: readonly TraceEvent[]): string[] =>
  events.flatMap((event) =>
    event.kind === 'toolstack.logged' && event.data.level === 'error' ? [event.data.text] : [],
  );

const lastResult = (events: readonly TraceEvent[]): number | undefined =>
  events.flatMap((event) => (event.kind === 'toolstack.finished' ? [event.data.rc] : [])).at(-1);

/** Grants of a domain that nobody took back. */
function left(events: readonly TraceEvent[], domid: number): number {
  const held = new Set<string>();
  for (const event of events) {
    if (event.kind !== 'permission.changed' || event.data.domid !== domid) continue;
    const { resource, first, last, allowed } = event.data;
    if (allowed) held.add(`${resource} ${first} ${last}`);
    else held.delete(`${resource} ${first} ${last}`);
  }
  return held.size;
}

describe('a guest whose device model runs in a stub domain', () => {
  const events = record('stubdom-passthrough-life-cycle');
  const created = events.slice(
    0,
    events.findLastIndex(({ kind }) => kind === 'toolstack.requested'),
  );
  const ended = events.slice(created.length);

  it('is granted everything after its stub domain, and alone gets the device', () => {
    const ops = ['iomem_permission', 'ioport_permission', 'irq_permission', 'assign_device', 'bind_pt_irq'];
    expect(subjects(created, ...ops).filter((line) => !line.endsWith('d32753'))).toEqual([
      'iomem_permission d2',
      'ioport_permission d2',
      'iomem_permission d2',
      'irq_permission d2',
      'bind_pt_irq d1 by d2',
      'iomem_permission d1',
      'ioport_permission d1',
      'iomem_permission d1',
      'irq_permission d1',
      'assign_device d1',
    ]);
  });

  it('has its keys below the stub domain and none of its own', () => {
    const keys = events.flatMap((event) =>
      event.kind === 'xenstore.changed' && /backend\/pci\/\d+\/0\/dev-0$/.test(event.data.path)
        ? [event.data.path]
        : [],
    );
    expect(new Set(keys)).toEqual(new Set([`/local/domain/0/backend/pci/${STUBDOM}/0/dev-0`]));
  });

  it('gives back through its stub domain when it ends; the device goes with the domain', () => {
    expect(subjects(ended, 'iomem_permission', 'irq_permission', 'deassign_device')).toEqual([
      'iomem_permission d2',
      'irq_permission d2',
    ]);
    expect(left(events, STUBDOM)).toBe(0);
    const moves = ended.flatMap((event) => (event.kind === 'device.assigned' ? [event.data] : []));
    expect(moves.map(({ from, to }) => [from, to])).toEqual([[GUEST, 0x7ff1]]);
  });
});

describe('device_add in a stub domain', () => {
  const refusal = "Could not open '/sys/bus/pci/devices/0000:04:00.0/config': No such file or directory";

  it('is repeated every second until the files are there', () => {
    const events = record('retrying-pci-add');
    expect(errors(events)).toEqual([1, 2, 3].flatMap((tries) => [refusal, `Retrying PCI add ${tries}`]));
    expect(lastResult(events)).toBe(0);
    const asked = events.flatMap((event) =>
      event.kind === 'toolstack.asked' && event.data.command === 'device_add'
        ? [Math.floor(event.atNs / 1_000_000_000)]
        : [],
    );
    expect(asked).toEqual([0, 1, 2, 3]);
  });

  it('is given up after ten seconds', () => {
    const events = record('stubdom-sees-another-address');
    expect(errors(events).slice(-3)).toEqual([
      'Retrying PCI add 10',
      'libxl__device_pci_add failed for PCI device 0:4:0.0 (rc -9)',
      'unable to add pci devices',
    ]);
    expect(lastResult(events)).toBe(-9);
    expect(left(events, STUBDOM)).toBeGreaterThan(0);
  });

  it('is not reached when the stub domain does not connect', () => {
    const events = record('stubdom-startup-timeout');
    expect(errors(events)).toEqual([
      'libxl__device_pci_add failed for PCI device 0:4:0.0 (rc -9)',
      'unable to add pci devices',
    ]);
    expect(events.some(({ kind }) => kind === 'toolstack.asked')).toBe(false);
    expect(left(events, STUBDOM)).toBeGreaterThan(0);
  });
});

describe('pci-detach from a guest with a stub domain', () => {
  const events = record('detach-does-nothing-with-a-stubdom');
  const results = events.flatMap((event) => (event.kind === 'toolstack.finished' ? [event.data.rc] : []));

  it('ends without a word, and with force takes everything from both', () => {
    expect(results).toEqual([0, 0, -3, 0, 0]);
    expect(subjects(events, 'deassign_device')).toEqual(['deassign_device d1']);
    expect([left(events, GUEST), left(events, STUBDOM)]).toEqual([0, 0]);
    expect(
      events.some((event) => event.kind === 'toolstack.asked' && event.data.command === 'device_del'),
    ).toBe(false);
  });
});
