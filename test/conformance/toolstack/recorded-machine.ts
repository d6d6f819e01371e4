import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DomainId } from '../../../src/base/brand.js';
import type { InputDraft, TraceEvent } from '../../../src/events/catalogue.js';
import type { Context } from '../../../src/models/context.js';
import { Engine } from '../../../src/models/engine.js';
import { PCIBACK, sysfsRead } from '../../../src/models/linux/sysfs.js';
import { type FunctionId, functionId } from '../../../src/pci/function-id.js';
import {
  bdfOf,
  busOf,
  type CallerSbdf,
  type Dom0Sbdf,
  formatSbdf,
  parseSbdf,
  segmentOf,
} from '../../../src/pci/sbdf.js';
import { emptyPlatform, type HostBridge, type Platform } from '../../../src/platform/platform.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { isLinuxRelease, type LinuxRelease, statedXen } from '../../../src/policy/releases.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { childPath } from '../../../src/state/xenstore.js';
import { recordingText } from '../recording.js';
import { recordedBridges } from '../xen-tap/bridges.js';
import { type ConsoleFacts, consoleFacts } from '../xen-tap/console.js';
import { asAtPowerOn, capabilityIn, configSpaces, extendedCapabilityIn } from '../xen-tap/functions.js';
import { isPciPath } from './plan.js';

/** One function as the snapshots show it. */
interface Seen {
  readonly config: Uint8Array;
  readonly resources: readonly {
    readonly start: number;
    readonly sizeBytes: number;
    readonly flags: number;
  }[];
  readonly gsi: number;
  readonly driver: string | null;
  readonly enabled: boolean;
  readonly atStart: boolean;
}

/** The machine of one recording: what its snapshots and boot logs say it is. */
export class RecordedMachine {
  readonly engine: Engine;
  readonly log: TraceEvent[] = [];
  readonly #seen: ReadonlyMap<number, Seen>;
  readonly #bridges: readonly HostBridge[];
  /** Virtual functions with their physical ones. */
  readonly #virtual: ReadonlyMap<number, number>;

  /** What the model had when the last snapshot was taken. */
  atSnapshot: Snapshot | null = null;

  /** @param bound devices that a command gives to pciback; what pciback has besides, it took when it was loaded */
  constructor(run: string, bound: ReadonlySet<string>) {
    const snapshots = readdirSync(run)
      .filter((entry) => entry.startsWith('snap-'))
      .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
    const facts = consoleFacts(bootLog(run, snapshots), '');
    const kernel = recordingText(run, 'dom0-dmesg.txt') ?? '';
    const gsis = facts.x86.ioapics.reduce((most, { gsiBase, pins }) => Math.max(most, gsiBase + pins), 16);
    this.#seen = functionsOf(run, snapshots, gsis);
    this.#virtual = virtualFunctions(run, snapshots);
    const windows = facts.windows.length > 0 ? facts.windows : usualWindow;
    this.#bridges = recordedBridges({ windows });
    this.engine = new Engine({
      platform: this.#platform(facts),
      policies: { ...defaultPolicies, iommu: facts.isIommuOn ? 'on' : 'off', quarantine: facts.quarantine },
      switches: {
        ...defaultSwitches,
        xen: statedXen(facts.release) ?? defaultSwitches.xen,
        linux: linuxRelease(kernel),
      },
      behaviour: currentBehaviour,
    });
    const type = facts.isPvh ? 'pvh' : 'pv';
    this.step({
      kind: 'domain.created',
      by: 'xen',
      data: { domid: 0 as DomainId, type, privileged: true, hardware: true, target: null, name: 'Domain-0' },
    });
    this.step({ kind: 'xen.booted', by: 'xen', data: { domid: 0 as DomainId } });
    for (const [name, { atStart }] of this.#seen) if (atStart) this.#enumerate(name);
    const stated = /xen-pciback\.hide=(\S+)/.exec(kernel)?.[1];
    const found = [...this.#seen]
      .filter(([, { driver, atStart }]) => driver === 'pciback' && atStart)
      .map(([name]) => formatSbdf(name as Dom0Sbdf))
      .filter((name) => !bound.has(name));
    const hide = stated ?? found.map((name) => `(${name})`).join('');
    const passthrough = /xen_pciback: backend is passthrough/.test(kernel);
    this.step({
      kind: 'pciback.loaded',
      by: 'd0',
      data: { hide, passthrough, permissive: false, pvSupport: true },
    });
  }

  /** Whether any snapshot shows the functions and their resources. */
  get isDescribed(): boolean {
    return [...this.#seen.values()].some(({ resources }) => resources.length > 0);
  }

  /** @param list what a list of assignable devices would print now */
  capture(list: readonly string[]): void {
    const files = ['slots', 'quirks', 'permissive', 'irq_handlers'].map((file) => `${PCIBACK}/${file}`);
    const context = this.engine as Context;
    this.atSnapshot = {
      tree: pciTree(context),
      files: new Map(files.map((file) => [file, sysfsRead(context, 'd0', file).text.split('\n')])),
      list,
    };
  }

  step(draft: InputDraft): readonly TraceEvent[] {
    const events = this.engine.step(draft);
    this.log.push(...events);
    return events;
  }

  /** Makes sure Linux has an object for a function that came after the first snapshot. */
  need(name: number): void {
    if (this.engine.state.linux.devices[name] !== undefined || !this.#seen.has(name)) return;
    const fn = this.#functionOf(name);
    if (fn !== null && this.engine.state.hw.present[fn] === undefined) {
      this.step({ kind: 'device.plugged', by: 'hw', data: { function: fn } });
    }
    this.#switchOn(this.#virtual.get(name));
    this.#enumerate(name);
  }

  /** A physical function whose virtual ones are there has their number set and them enabled, with their memory. */
  #switchOn(physical: number | undefined): void {
    const image = physical === undefined ? undefined : this.#seen.get(physical)?.config;
    const at = image === undefined ? 0 : extendedCapabilityIn(image, 0x10);
    if (physical === undefined || at === 0) return;
    const count = [...this.#virtual.values()].filter((one) => one === physical).length;
    for (const [reg, value] of [
      [at + 0x10, count],
      [at + 0x08, 0x09],
    ] as const) {
      this.step({
        kind: 'config.requested',
        by: 'd0',
        data: {
          domid: 0 as DomainId,
          via: 'pv',
          dir: 'write',
          sbdf: physical as CallerSbdf,
          reg,
          size: 2,
          value,
        },
      });
    }
  }

  #enumerate(name: number): void {
    const seen = this.#seen.get(name)!;
    const fn = this.#functionOf(name);
    if (fn === null) return;
    this.step({
      kind: 'linux.enumerated',
      by: 'd0',
      data: {
        sbdf: name as Dom0Sbdf,
        function: fn,
        gsi: seen.gsi,
        driver: seen.driver === 'pciback' ? null : seen.driver,
        enabled: seen.enabled,
        physfn: this.#physfnOf(name),
      },
    });
  }

  /** The physical function whose SR-IOV capability, in any snapshot, names this routing id. */
  #physfnOf(name: number): Dom0Sbdf | null {
    return (this.#virtual.get(name) ?? null) as Dom0Sbdf | null;
  }

  #functionOf(name: number): FunctionId | null {
    const index = this.#bridges.findIndex(
      ({ pciDomain, busStart, busEnd }) =>
        pciDomain === segmentOf(name) && busOf(name) >= busStart && busOf(name) <= busEnd,
    );
    return index < 0 ? null : functionId(index, bdfOf(name));
  }

  #platform(facts: ConsoleFacts): Platform {
    const functions = [...this.#seen].flatMap(([name, seen]) => {
      const fn = this.#functionOf(name);
      if (fn === null) return [];
      const config = withResources(asAtPowerOn(seen.config), seen);
      const writeMask = maskOf(config, seen);
      return [{ function: fn, name: '', config, writeMask, clearMask: null, present: seen.atStart }];
    });
    return {
      ...emptyPlatform,
      name: 'recorded',
      arch: 'x86_64',
      bridges: this.#bridges,
      functions,
      x86: facts.x86,
    };
  }
}

/** What the model holds at one moment, as snapshots show it. */
export interface Snapshot {
  /** PCI nodes with value and permissions. */
  readonly tree: ReadonlyMap<string, string>;
  /** Lines of pciback's files. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  readonly list: readonly string[];
}

function pciTree({ state }: Context): ReadonlyMap<string, string> {
  const tree = new Map<string, string>();
  const walk = (path: string): void => {
    const node = state.xenstore.nodes[path];
    if (node === undefined) return;
    if (isPciPath(path)) tree.set(path, `"${node.value}" (${node.perms.replaceAll(' ', ',')})`);
    for (const child of node.children) walk(childPath(path, child));
  };
  walk('/');
  return tree;
}

/** Where firmware puts the one window of a machine whose boot log does not say. */
const usualWindow = [{ base: 0xb000_0000, segment: 0, first: 0, last: 255 }];

/** Xen's messages of the boot: the console's, else what the toolstack kept of them. */
function bootLog(run: string, snapshots: readonly string[]): string {
  const places = [
    [run, 'xen-console.log'],
    [join(run, 'log-xen'), 'hypervisor.log'],
    ...snapshots.map((snap) => [join(run, snap), 'xl-dmesg.txt']),
    [run, 'xl-dmesg-0.txt'],
  ] as const;
  for (const [folder, file] of places) {
    const text = recordingText(folder!, file!);
    if (text !== null && text !== '') return text;
  }
  return '';
}

const rank = (snap: string): number => (snap.includes('boot') ? 0 : snap.includes('end') ? 2 : 1);

/** The release of the recorded kernel, as its banner says. */
function linuxRelease(kernel: string): LinuxRelease {
  const stated = /Linux version .*?\b(\d+\.\d+\.\d+)-\d+(?:~\S+)? \(/.exec(kernel)?.[1];
  const debian = /Debian (\d+\.\d+\.\d+)-\d/.exec(kernel)?.[1] ?? stated ?? '6.1.176';
  return isLinuxRelease(debian) ? debian : defaultSwitches.linux;
}

/** Registers from the first snapshot that has a function, its interrupt from the last: Linux learns it when it enables. */
function functionsOf(run: string, snapshots: readonly string[], gsis: number): ReadonlyMap<number, Seen> {
  const seen = new Map<number, Seen>();
  let isFirst = true;
  for (const snap of snapshots) {
    const configs = configSpaces(recordingText(join(run, snap), 'lspci-vvv-xxxx.txt') ?? '');
    const listing = resourceListing(recordingText(join(run, snap), 'pci-resources.txt') ?? '');
    for (const [name, config] of configs) {
      const one = listing.get(name);
      const before = seen.get(name);
      // With MSI on, `irq` is the first vector's.
      const irq = (one?.irq ?? 0) < gsis ? (one?.irq ?? 0) : 0;
      // Before the first enable it is what firmware left in the register.
      const gsi = irq !== 0 && irq !== config[0x3c] ? irq : (before?.gsi ?? irq);
      seen.set(name, {
        config: before?.config ?? config,
        resources: before?.resources ?? one?.resources ?? [],
        gsi,
        driver: before === undefined ? (one?.driver ?? null) : before.driver,
        enabled: before === undefined ? (one?.enabled ?? false) : before.enabled,
        atStart: before?.atStart ?? isFirst,
      });
    }
    if (configs.size > 0) isFirst = false;
  }
  return seen;
}

const word = (image: Uint8Array, at: number): number => (image[at] ?? 0) | ((image[at + 1] ?? 0) << 8);

function virtualFunctions(run: string, snapshots: readonly string[]): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const snap of snapshots) {
    const images = configSpaces(recordingText(join(run, snap), 'lspci-vvv-xxxx.txt') ?? '');
    for (const [name, image] of images) {
      const at = extendedCapabilityIn(image, 0x10);
      if (at === 0) continue;
      const [count, offset, stride] = [
        word(image, at + 0x10),
        word(image, at + 0x14),
        word(image, at + 0x16),
      ];
      for (let i = 0; i < count; i++) {
        const virtual = name + offset + i * stride;
        if (images.has(virtual as CallerSbdf)) found.set(virtual, name);
      }
    }
  }
  return found;
}

interface Listed {
  readonly driver: string | null;
  readonly irq: number;
  readonly enabled: boolean;
  readonly resources: Seen['resources'];
}

/** `pci-resources.txt`: a line per device, then its `resource` lines. */
function resourceListing(text: string): Map<CallerSbdf, Listed> {
  const found = new Map<CallerSbdf, Listed>();
  for (const block of text.split(/^(?=[0-9a-f]{4,}:)/m)) {
    const head = /^([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) driver=(\S*) irq=(\d+) enable=(\d+)/.exec(
      block,
    );
    const name = head === null ? null : parseSbdf<CallerSbdf>(head[1]!);
    if (head === null || name === null) continue;
    const resources = [...block.matchAll(/^ {2}(0x[0-9a-f]{16}) (0x[0-9a-f]{16}) (0x[0-9a-f]{16})$/gm)]
      .slice(0, 7)
      .map(([, start, end, flags]) => ({
        start: Number(start),
        sizeBytes: Number(end) === 0 ? 0 : Number(end) - Number(start) + 1,
        flags: Number(flags),
      }));
    found.set(name, {
      driver: head[2] === '' ? null : head[2]!,
      irq: Number(head[3]),
      enabled: Number(head[4]) > 0,
      resources,
    });
  }
  return found;
}

const barAt = (index: number, config: Uint8Array): number =>
  index < 6 ? 0x10 + 4 * index : (config[0x0e]! & 0x7f) === 1 ? 0x38 : 0x30;

/** A virtual function has no BARs of its own; Linux knows where they are all the same. */
function withResources(config: Uint8Array, { resources }: Seen): Uint8Array {
  // Only a driver that wants memory-write-invalidate sets a cache line size.
  config[0x0c] = 0;
  resources.forEach(({ start, sizeBytes, flags }, index) => {
    if (sizeBytes === 0 || index === 6) return;
    const at = barAt(index, config);
    const low = (start % 0x1_0000_0000) + (flags & ((flags & 1) === 1 ? 3 : 0xf));
    for (let i = 0; i < 4; i++) config[at + i] = Math.floor(low / 2 ** (8 * i)) & 0xff;
    if ((flags & 6) !== 4) return;
    const high = Math.floor(start / 0x1_0000_0000);
    for (let i = 0; i < 4; i++) config[at + 4 + i] = Math.floor(high / 2 ** (8 * i)) & 0xff;
  });
  return config;
}

/** Bits software can change: command, cache line, interrupt line, BARs by their sizes, controls of capabilities. */
function maskOf(config: Uint8Array, { resources }: Seen): Uint8Array {
  const mask = new Uint8Array(config.length);
  mask[0x04] = 0x47;
  mask[0x05] = 0x05;
  mask[0x0c] = 0xff;
  mask[0x3c] = 0xff;
  resources.forEach(({ sizeBytes, flags }, index) => {
    if (sizeBytes === 0) return;
    const at = barAt(index, config);
    const bits = (0x1_0000_0000 - (sizeBytes % 0x1_0000_0000)) % 0x1_0000_0000;
    for (let i = 0; i < 4; i++) mask[at + i] = Math.floor(bits / 2 ** (8 * i)) & 0xff;
    if (index === 6) mask[at] = mask[at]! | 1;
    else if ((flags & 6) === 4) for (let i = 4; i < 8; i++) mask[at + i] = 0xff;
  });
  if ((config[0x0e]! & 0x7f) === 1) mask[0x3e] = 0x7f;
  const set = (id: number, offset: number, bits: number): void => {
    const at = capabilityIn(config, id);
    if (at !== 0) mask[at + offset] = bits;
  };
  set(0x01, 4, 0x03);
  set(0x05, 2, 0x01);
  set(0x11, 3, 0xc0);
  const sriov = extendedCapabilityIn(config, 0x10);
  if (sriov !== 0) {
    mask[sriov + 0x08] = 0x1f;
    // NumVFs.
    mask.fill(0xff, sriov + 0x10, sriov + 0x12);
  }
  return mask;
}
