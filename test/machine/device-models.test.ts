import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DomainId, PhysicalAddress } from '../../src/base/brand.js';
import { EmulatedFunctions } from '../../src/emulators/emulated-functions.js';
import type { InputDraft, TraceEvent } from '../../src/events/catalogue.js';
import type { DeviceFailure, DeviceModel } from '../../src/machine/device-model.js';
import { DeviceModels } from '../../src/machine/device-models.js';
import { DueQueue } from '../../src/machine/due-queue.js';

const guest = 1 as DomainId;
const echo = (latencyNs: number, failure?: DeviceFailure): DeviceModel => ({
  name: 'dm',
  latencyNs,
  ...(failure === undefined ? {} : { failure }),
  serve: ({ addr }) => ({ data: addr }),
});

const event = (seq: number, atNs: number, kind: string, data: object, by = 'xen'): TraceEvent =>
  ({ seq, atNs, origin: 'simulated', by, cause: null, kind, data }) as unknown as TraceEvent;
const created = (server: number): TraceEvent[] => [
  event(0, 0, 'hypercall.issued', {}, 'dm:dm'),
  event(1, 0, 'server.created', { domid: guest, server }),
];
const sent = (seq: number, atNs: number, addr: number, extra: object = {}): TraceEvent =>
  event(seq, atNs, 'ioreq.sent', {
    domid: guest,
    server: 0,
    vcpu: 0,
    addr: addr as PhysicalAddress,
    size: 4,
    data: 0x55,
    dataHigh: 0,
    buffered: false,
    slot: null,
    ...extra,
  });

/** Every turn with its time. */
function drain(models: DeviceModels): (readonly [number, InputDraft | null])[] {
  const turns: (readonly [number, InputDraft | null])[] = [];
  while (models.nextNs < Number.POSITIVE_INFINITY) turns.push([models.nextNs, models.take()]);
  return turns;
}

describe('device models', () => {
  it('answer one request after the other, each after its latency', () => {
    const models = new DeviceModels([echo(100)]);
    models.see(created(0));
    models.see([sent(2, 10, 7), sent(3, 20, 8), sent(4, 500, 9)]);
    expect(
      drain(models).map(([atNs, draft]) => [atNs, draft!.cause, (draft!.data as { data: number }).data]),
    ).toEqual([
      [110, 2, 7],
      [210, 3, 8],
      [600, 4, 9],
    ]);
  });

  it('know their server by who asked for it', () => {
    const models = new DeviceModels([{ ...echo(1), name: 'other' }]);
    models.see(created(0));
    models.see([sent(2, 0, 0)]);
    expect(drain(models)).toEqual([]);
  });

  it.each([
    ['slow', [[10_000, 3]]],
    ['stuck', [[100, 2]]],
    ['scribbler', [[100, 9]]],
    ['dead', []],
  ] as const)('%s', (how, expected) => {
    const models = new DeviceModels([echo(100, { how, after: 0 })]);
    models.see(created(0));
    models.see([sent(2, 0, 0)]);
    expect(drain(models).map(([atNs, draft]) => [atNs, (draft!.data as { state: number }).state])).toEqual(
      expected,
    );
  });

  it('fail from the request on that was asked for', () => {
    const models = new DeviceModels([echo(1, { how: 'dead', after: 1 })]);
    models.see(created(0));
    models.see([sent(2, 0, 0), sent(3, 0, 0)]);
    expect(drain(models)).toHaveLength(1);
  });

  it('take nothing to the grave: turns go with their server', () => {
    const models = new DeviceModels([echo(100)]);
    models.see(created(0));
    models.see([sent(2, 0, 0), event(3, 0, 'server.destroyed', { domid: guest, server: 0 })]);
    expect(drain(models)).toEqual([[100, null]]);
  });

  it('poll their ring instead of answering', () => {
    const models = new DeviceModels([echo(100)]);
    models.see(created(0));
    models.see([sent(2, 0, 0xb8000, { buffered: true, size: 8, slot: 3 })]);
    const [[atNs, draft]] = drain(models) as [readonly [number, InputDraft]];
    expect([atNs, draft.kind, draft.data]).toEqual([
      100_000_000,
      'ioreq.drained',
      { domid: guest, server: 0, taken: 2 },
    ]);
  });
});

describe('what is due', () => {
  it('comes out by time, and in the order it came where times are equal', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (times) => {
        const queue = new DueQueue<number>();
        for (const [order, time] of times.entries()) queue.push(time, order);
        const out = times.map(() => queue.pop()!);
        const expected = [...times.keys()].sort((a, b) => times[a]! - times[b]! || a - b);
        expect(out).toEqual(expected);
        expect(queue.nextNs).toBe(Number.POSITIVE_INFINITY);
        expect(queue.pop()).toBeUndefined();
      }),
    );
  });
});

describe('emulated functions', () => {
  const model = new EmulatedFunctions({ name: 'dm', latencyNs: 1, ecamBase: 0xb000_0000 }, [
    { sbdf: 8, vendor: 0x1234, device: 0x5678, classCode: 0x02_0000, barSizes: [0x1000] },
  ]);
  const config = (dir: 'read' | 'write', reg: number, size: number, data = 0, sbdf = 8): number =>
    model.serve({ type: 'pci_config', dir, reg, size, data, sbdf, addr: 0 } as never).data;

  it('have ids, a class and BARs that can be sized', () => {
    expect(config('read', 0, 4)).toBe(0x5678_1234);
    expect(config('read', 0x0a, 2)).toBe(0x0200);
    config('write', 0x10, 4, 0xffff_ffff);
    expect(config('read', 0x10, 4)).toBe(0xffff_f000);
    config('write', 0x11, 1, 0x20);
    expect(config('read', 0x10, 4)).toBe(0xffff_2000);
    config('write', 0x00, 4, 0);
    expect(config('read', 0, 2)).toBe(0x1234);
  });

  it('are ones where nothing is', () => {
    expect([config('read', 0, 4, 0, 16), config('read', 0x100, 4), config('read', 0xfe, 4)]).toEqual([
      0xffff_ffff, 0xffff_ffff, 0xffff_ffff,
    ]);
  });

  it('show the same registers through their window', () => {
    const copy = { type: 'copy', dir: 'read', size: 4, data: 0, addr: 0xb000_0000 + 8 * 4096 };
    expect(model.serve(copy as never).data).toBe(0x5678_1234);
  });
});
