import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DomainId } from '../../../src/base/brand.js';
import { Engine } from '../../../src/models/engine.js';
import { readConfig } from '../../../src/models/hardware/config-space.js';
import { type FunctionId, functionId } from '../../../src/pci/function-id.js';
import { bdf } from '../../../src/pci/sbdf.js';
import { memoryWindow, prefetchableWindow, type Window } from '../../../src/pci/windows.js';
import type { Platform, PlatformFunction } from '../../../src/platform/platform.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import type { LinuxRelease } from '../../../src/policy/releases.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { type Bar, card, pc, port } from '../../../src/scenarios/linux/machine.js';

/** A tree of ports with cards at the ends. */
type Shape = readonly { readonly bars: readonly Bar[]; readonly below: readonly (readonly Bar[])[] }[];

const bar = fc.record({
  sizeBytes: fc.integer({ min: 12, max: 26 }).map((order) => 2 ** order),
  kind: fc.constantFrom('mem' as const, 'pref64' as const),
});
/** Up to three BARs: a 64-bit one takes two registers. */
const bars = fc
  .array(bar, { maxLength: 3 })
  .map((list) => list.map((one, i): Bar => ({ ...one, index: 2 * i })));
const shape: fc.Arbitrary<Shape> = fc.array(fc.record({ bars, below: fc.array(bars, { maxLength: 3 }) }), {
  minLength: 1,
  maxLength: 4,
});

/** Each port with a card, or with a bridge and cards behind it. */
function machineOf(ports: Shape, arch: Platform['arch']): Platform {
  const functions: PlatformFunction[] = [];
  let bus = 1;
  ports.forEach(({ bars: own, below }, i) => {
    const above = functionId(0, bdf(0, i + 1, 0));
    functions.push(port({ host: 0, bus: 0, device: i + 1 }, `port ${i}`, null));
    const behind = bus++;
    if (below.length === 0) {
      functions.push(card({ host: 0, bus: behind, device: 0, behind: above }, `card ${i}`, own));
      return;
    }
    // A bridge that is no port has a whole bus behind it.
    functions.push(
      plainBridge(port({ host: 0, bus: behind, device: 0, behind: above }, `bridge ${i}`, null)),
    );
    const at = functionId(0, bdf(behind, 0, 0));
    const last = bus++;
    below.forEach((list, device) => {
      functions.push(card({ host: 0, bus: last, device, behind: at }, `card ${i}.${device}`, list));
    });
  });
  const machine = pc(functions);
  return {
    ...machine,
    arch,
    bridges: machine.bridges.map((one) => ({ ...one, access: arch === 'arm64' ? 'ecam' : one.access })),
  };
}

function plainBridge(one: PlatformFunction): PlatformFunction {
  const config = one.config.slice();
  config[0x06] = 0;
  config[0x34] = 0;
  return { ...one, config };
}

function booted(platform: Platform, linux: LinuxRelease = '6.1.192'): Engine {
  const engine = new Engine({
    platform,
    policies: defaultPolicies,
    switches: { ...defaultSwitches, linux },
    behaviour: currentBehaviour,
  });
  const data = {
    domid: 0 as DomainId,
    type: 'pv' as const,
    privileged: true,
    hardware: true,
    target: null,
    name: 'Domain-0',
  };
  engine.step({ kind: 'domain.created', by: 'xen', data });
  engine.step({ kind: 'linux.scanned', by: 'd0', data: { segment: 0, bus: 0 } });
  if (platform.arch === 'x86_64') engine.step({ kind: 'linux.surveyed', by: 'd0', data: {} });
  return engine;
}

interface Held {
  readonly device: number;
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly sizeBytes: number;
  readonly flags: number;
}

function placed(engine: Engine): Held[] {
  return Object.entries(engine.state.linuxTree.resources).flatMap(([device, list]) =>
    Object.entries(list).flatMap(([index, { start, sizeBytes, flags, placed: isPlaced }]): Held[] =>
      isPlaced
        ? [
            {
              device: Number(device),
              index: Number(index),
              start,
              end: start + sizeBytes - 1,
              sizeBytes,
              flags,
            },
          ]
        : [],
    ),
  );
}

const busOfDevice = (device: number): number => (device >>> 8) & 0xff;
const inside = (outer: Held, inner: Held): boolean => outer.start <= inner.start && outer.end >= inner.end;
const sameSpace = (a: Held, b: Held): boolean => (a.flags & 0x300) === (b.flags & 0x300);

function breaches(engine: Engine): string[] {
  const all = placed(engine);
  const { buses } = engine.state.linuxTree;
  const found: string[] = [];
  for (const [i, a] of all.entries()) {
    for (const b of all.slice(i + 1)) {
      const siblings = busOfDevice(a.device) === busOfDevice(b.device);
      if (siblings && sameSpace(a, b) && a.start <= b.end && b.start <= a.end)
        found.push(`overlap ${JSON.stringify([a, b])}`);
    }
    if (a.index < 7 && a.start % a.sizeBytes !== 0) found.push(`alignment ${JSON.stringify(a)}`);
    if (a.index >= 13 && a.start % ((a.flags & 0x100) !== 0 ? 0x1000 : 0x10_0000) !== 0)
      found.push(`window ${JSON.stringify(a)}`);
    const bridge = buses.find((bus) => bus.number === busOfDevice(a.device))?.bridge ?? null;
    const windows =
      bridge === null ? hostWindows : all.filter((one) => one.device === bridge && one.index >= 13);
    if (!windows.some((window) => sameSpace(window, a) && inside(window, a)))
      found.push(`outside ${JSON.stringify(a)}`);
  }
  return found;
}

const hostWindows: readonly Held[] = pc([]).bridges[0]!.windows.map((window, index) => ({
  device: 0,
  index,
  start: window.pciAddress,
  end: window.pciAddress + window.sizeBytes - 1,
  sizeBytes: window.sizeBytes,
  flags: window.space === 'io' ? 0x100 : 0x200,
}));

describe.each([
  ['x86_64', '6.1.192'],
  ['arm64', '6.1.192'],
  ['arm64', '6.12.117'],
] as const)('assigning on %s, Linux %s', (arch, linux) => {
  it('keeps siblings apart, aligned and inside the windows above', () => {
    fc.assert(
      fc.property(shape, (ports) => {
        expect(breaches(booted(machineOf(ports, arch), linux))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('writes what it decided into the registers', () => {
    fc.assert(
      fc.property(shape, (ports) => {
        const engine = booted(machineOf(ports, arch), linux);
        for (const one of placed(engine)) {
          const fn = engine.state.linux.devices[one.device]!.function as FunctionId;
          const read = (at: number, size: number): number => readConfig(engine, fn, at, size);
          if (one.index < 6) {
            const high = (one.flags & 0x10_0000) === 0 ? 0 : read(0x14 + 4 * one.index, 4);
            const low = read(0x10 + 4 * one.index, 4);
            expect(high * 2 ** 32 + ((low & ~0xf) >>> 0)).toBe(one.start);
          }
          const window: Window | null =
            one.index === 14
              ? memoryWindow((at) => read(at, 1))
              : one.index === 15
                ? prefetchableWindow((at) => read(at, 1))
                : null;
          if (window !== null) expect(window).toEqual({ base: one.start, sizeBytes: one.sizeBytes });
        }
      }),
      { numRuns: 40 },
    );
  });

  it('gives a legal result whatever the order of the ports, and of the functions in the platform', () => {
    fc.assert(
      fc.property(shape, fc.boolean(), (ports, turned) => {
        const machine = machineOf([...ports].reverse(), arch);
        const functions = turned ? [...machine.functions].reverse() : machine.functions;
        const engine = booted({ ...machine, functions }, linux);
        expect(breaches(engine)).toEqual([]);
        const same = booted(machine, linux);
        expect(engine.state.linuxTree.resources).toEqual(same.state.linuxTree.resources);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a device tree with an address offset', () => {
  it('shows CPU addresses and writes bus addresses', () => {
    const machine = machineOf([{ bars: [{ index: 0, sizeBytes: 0x1000, kind: 'mem' }], below: [] }], 'arm64');
    const moved = machine.bridges.map((one) => ({
      ...one,
      windows: one.windows.map((window) => ({
        ...window,
        cpuAddress: window.space === 'mem32' ? window.pciAddress + 0x50_0000_0000 : window.cpuAddress,
      })),
    }));
    const engine = booted({ ...machine, bridges: moved });
    const bar0 = placed(engine).find((one) => one.index === 0)!;
    const fn = engine.state.linux.devices[bar0.device]!.function as FunctionId;
    expect(bar0.start).toBeGreaterThan(0x50_0000_0000);
    expect(readConfig(engine, fn, 0x10, 4)).toBe(bar0.start - 0x50_0000_0000);
  });
});

describe('recordings of 0.1.0', () => {
  it('go on taking what firmware left', () => {
    const platform = machineOf(
      [{ bars: [{ index: 0, sizeBytes: 0x1000, kind: 'mem' }], below: [] }],
      'arm64',
    );
    const engine = new Engine({
      platform,
      policies: defaultPolicies,
      switches: defaultSwitches,
      behaviour: [],
    });
    const events = engine.step({ kind: 'linux.scanned', by: 'd0', data: { segment: 0, bus: 0 } });
    expect(events.filter((event) => event.kind === 'linux.found')).not.toEqual([]);
    expect(events.filter((event) => event.kind === 'linux.resource-changed')).toEqual([]);
  });
});
