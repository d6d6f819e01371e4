import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DomainId } from '../../../src/base/brand.js';
import { domctlOps } from '../../../src/events/abi/domctl.js';
import { physdevOps } from '../../../src/events/abi/physdev.js';
import type { TraceEvent } from '../../../src/events/catalogue.js';
import type { RecordObject } from '../../../src/events/field.js';
import { readTap, type TapCall, tapInput } from '../../../src/importers/xen-tap/read.js';
import { Engine } from '../../../src/models/engine.js';
import { isRedirectionEntry } from '../../../src/models/xen/ioapic.js';
import { functionId } from '../../../src/pci/function-id.js';
import { bdf, bdfOf, busOf, type CallerSbdf, parseSbdf, segmentOf } from '../../../src/pci/sbdf.js';
import { emptyPlatform, type Platform } from '../../../src/platform/platform.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { statedXen } from '../../../src/policy/releases.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { recordingNames, recordingText } from '../recording.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';
import { recordedBridges } from '../xen-tap/bridges.js';
import { type ConsoleFacts, consoleFacts } from '../xen-tap/console.js';
import { asAtPowerOn, configSpaces, turnOn, unseenFunction, writable } from '../xen-tap/functions.js';

/** What the models leave out, said before anything is compared. */
const declared = {
  ended: 'the recording ended inside the call: there is no result to compare',
  building: 'building, scheduling and taking down domains is no PCI operation',
  preempted: 'Xen broke the call off to be continued: its progress depends on time',
  arguments: 'the tap did not follow the arguments of this call',
  sharing: 'whether a pirq is shared depends on bind_pirq calls, which the tap does not see',
  lingering: 'a destroyed domain answers until the last reference to one of its pages goes',
  unseen: 'no snapshot shows the configuration space of this function',
  polling:
    'Xen takes its serial port by polling when interrupts take too long, and lets go of IRQ 4: it depends on time',
  windows: 'the boot log does not name the MMCFG windows; this call is where they are known from',
  redirection: 'vector and destination of an I/O APIC entry depend on how Xen spreads interrupts',
} as const;

/** COM1. */
const SERIAL_GSI = 4;

/** `hypercall_create_continuation` leaves the hypercall's own number in the result register. */
const CONTINUED = 36;

/**
 * Calls of a running Xen: physdev_op, domctl and the look it takes at a PV Dom0's configuration writes. The state
 * comes from the earlier calls; boot log and snapshots say what machine it was. docs/models/xen.md tells how.
 */
export const xenTapSet: ConformanceSet = {
  name: 'xen-tap',
  folder: 'xen',
  *rows(folder) {
    for (const name of recordingNames(folder)) {
      const run = join(folder, name);
      if (!existsSync(join(run, 'tap.jsonl')) && !existsSync(join(run, 'tap.jsonl.xz'))) continue;
      const calls = readTap(recordingText(run, 'tap.jsonl')!, `${name}/tap.jsonl`);
      if (calls.length > 0) yield judge(name, run, calls);
    }
  },
};

function judge(name: string, run: string, calls: readonly TapCall[]): Row {
  const row = new RowBuilder('xen-tap', `${name}/tap.jsonl`);
  const machine = new Recorded(run, calls);
  for (const [index, call] of calls.entries()) {
    machine.prepare(calls, index);
    const reason = whyNot(call, machine);
    const answer = machine.enter(call);
    if (reason !== null) row.unmodelled(reason);
    else
      row.compare(
        `seq ${call.seq}`,
        `d${call.caller} ${call.fn} ${call.op} ${JSON.stringify(call.args)}`,
        expected(call, answer.out),
        { ret: answer.ret, ...answer.out },
      );
    machine.settle(call);
  }
  return row.row();
}

/** Why a call is not compared; null when it is. Decided before the model is asked. */
function whyNot(call: TapCall, machine: Recorded): string | null {
  if (call.ret === null) return declared.ended;
  if (call.fn === 'domctl') {
    if (call.ret === CONTINUED) return declared.preempted;
    if (call.op === 'getdomaininfo') return machine.isGone(call.domain ?? 0) ? declared.lingering : null;
    if (!Object.hasOwn(domctlOps, call.op)) return declared.building;
  }
  if (call.args === null && takesArguments(call)) return declared.arguments;
  if (needsFunction(call) && machine.isUnseen(call)) return declared.unseen;
  if (call.op === 'irq_status_query' && machine.isHeldByOthers(call)) return declared.sharing;
  if (call.op === 'setup_gsi' && machine.isPolling && call.args?.['gsi'] === SERIAL_GSI)
    return declared.polling;
  if (call.op === 'pci_mmcfg_reserved' && !machine.namesWindows) return declared.windows;
  if (call.op === 'apic_read' && isRedirectionEntry(Number(call.args?.['reg']))) return declared.redirection;
  return null;
}

/** Calls whose answer depends on the capabilities of the function they name. */
const needsFunction = (call: TapCall): boolean =>
  ['prepare_msix', 'release_msix', 'restore_msi_ext'].includes(call.op) ||
  (call.op === 'map_pirq' && call.args?.['type'] !== 1) ||
  (call.fn === 'pci_conf_write_intercept' &&
    Number(call.args?.['reg']) >= 0x40 &&
    Number(call.args?.['reg']) < 0x100);

const takesArguments = (call: TapCall): boolean =>
  call.fn === 'domctl' || (physdevOps as Readonly<Record<string, { arg: unknown }>>)[call.op]?.arg !== null;

/** The recorded result and those output fields the model speaks of; an argument that did not change is its own output. */
function expected(call: TapCall, out: RecordObject): RecordObject {
  const after = { ...(call.args ?? {}), ...(call.out ?? {}) };
  const compared = [...new Set([...Object.keys(out), ...Object.keys(call.out ?? {})])];
  return {
    ret: call.ret,
    ...Object.fromEntries(compared.map((field) => [field, after[field] ?? null])),
  };
}

/** The machine of one recording, run by the models. */
class Recorded {
  readonly #engine: Engine;
  readonly #facts: ConsoleFacts;
  readonly #names: ReadonlySet<number>;
  /** Those and the ones that only the calls speak of. */
  readonly #described: ReadonlySet<number>;
  /** The boot log says which windows firmware named. */
  readonly namesWindows: boolean;
  readonly isPolling: boolean;

  constructor(run: string, calls: readonly TapCall[]) {
    const snapshots = readdirSync(run)
      .filter((entry) => entry.startsWith('snap-'))
      .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
    const dumps = snapshots.map((snap) => recordingText(join(run, snap), 'xl-dmesg.txt') ?? '').join('\n');
    const stated = consoleFacts(recordingText(run, 'xen-console.log') ?? '', dumps);
    this.namesWindows = stated.windows.length > 0;
    this.isPolling = stated.isPolling;
    this.#facts = this.namesWindows ? stated : { ...stated, windows: windowsOf(calls) };
    const images = new Map<CallerSbdf, Uint8Array>();
    let start: ReadonlySet<CallerSbdf> | null = null;
    for (const snap of snapshots) {
      const listing = configSpaces(recordingText(join(run, snap), 'lspci-vvv-xxxx.txt') ?? '');
      if (listing.size > 0) start ??= new Set(listing.keys());
      for (const [name, image] of listing) if (!images.has(name)) images.set(name, image);
    }
    this.#names = new Set(images.keys());
    // A function no snapshot shows, yet mapped: its calls are not judged, but later ones build on what it was given.
    for (const call of calls) {
      if (call.op !== 'map_pirq' || call.args?.['type'] === 1 || call.ret !== 0) continue;
      const name = functionNamed(call) as CallerSbdf;
      if (!images.has(name)) images.set(name, unseenFunction());
    }
    this.#described = new Set(images.keys());
    const platform = platformOf(this.#facts, images, start ?? new Set(), calls);
    this.#engine = new Engine({
      platform,
      policies: {
        ...defaultPolicies,
        iommu: this.#facts.isIommuOn ? 'on' : 'off',
        quarantine: this.#facts.quarantine,
      },
      switches: { ...defaultSwitches, xen: statedXen(this.#facts.release) ?? defaultSwitches.xen },
      behaviour: currentBehaviour,
    });
    this.#create(0, this.#facts.isPvh ? 'pvh' : 'pv', true);
    this.#engine.step({ kind: 'xen.booted', by: 'xen', data: { domid: 0 as DomainId } });
  }

  #create(domid: number, type: 'pv' | 'hvm' | 'pvh', isDom0 = false): void {
    const data = { type, privileged: isDom0, hardware: isDom0, target: null, name: `d${domid}` };
    this.#engine.step({ kind: 'domain.created', by: 'xen', data: { domid: domid as DomainId, ...data } });
  }

  /** What must have happened just before a call: a function came, a domain was made. */
  prepare(calls: readonly TapCall[], index: number): void {
    const call = calls[index]!;
    if (call.op === 'pci_device_add' && call.args !== null) {
      const fn = this.#function(nameOf(call.args));
      if (fn !== null && this.#engine.state.hw.present[fn] === undefined)
        this.#engine.step({ kind: 'device.plugged', by: 'hw', data: { function: fn } });
    }
    if (call.op === 'createdomain' && call.ret === 0) {
      const domid = createdBy(calls, index, (id) => this.#engine.state.domains[id] !== undefined);
      if (domid !== null) this.#pending = { domid, type: typeOf(calls, index, domid) };
    }
  }

  readonly #gone = new Set<number>();
  #pending: { domid: number; type: 'pv' | 'hvm' } | null = null;

  /** What a call that is not modelled has done all the same. */
  settle(call: TapCall): void {
    if (this.#pending !== null) {
      this.#create(this.#pending.domid, this.#pending.type);
      this.#pending = null;
    }
    if (call.op === 'destroydomain' && call.ret === 0 && call.domain !== null) {
      this.#gone.add(call.domain);
      this.#engine.step({ kind: 'domain.destroyed', by: 'xen', data: { domid: call.domain as DomainId } });
    }
  }

  enter(call: TapCall): { readonly ret: number; readonly out: RecordObject } {
    const input = call.ret === null ? null : tapInput(call.args === null ? { ...call, args: {} } : call);
    const events: readonly TraceEvent[] = input === null ? [] : this.#engine.step(input);
    for (const event of events) {
      if (event.kind === 'hypercall.returned') {
        const out = event.data.out ?? {};
        return { ret: event.data.ret, out: call.op === 'getdomaininfo' ? {} : out };
      }
      if (event.kind === 'config.intercepted') return { ret: event.data.verdict, out: {} };
    }
    return { ret: Number.NaN, out: {} };
  }

  /** Another domain has the same interrupt, so that who is bound decides what the caller reads. */
  isHeldByOthers(call: TapCall): boolean {
    const { domains } = this.#engine.state.irq;
    const irq = domains[call.caller]?.pirqs[Number(call.args?.['irq'])]?.irq ?? 0;
    if (irq <= 0) return false;
    return Object.entries(domains).some(
      ([domid, { pirqOf }]) => Number(domid) !== call.caller && (pirqOf[irq] ?? 0) > 0,
    );
  }

  isGone(domid: number): boolean {
    return this.#gone.has(domid) && this.#engine.state.domains[domid] === undefined;
  }

  /** Xen has an object for the function a call names, and no snapshot says what its registers hold. */
  isUnseen(call: TapCall): boolean {
    const name = functionNamed(call);
    return this.#engine.state.xen.devices[name] !== undefined && !this.#names.has(name);
  }

  #function(name: number) {
    if (!this.#described.has(name)) return null;
    const index = this.#facts.windows.findIndex(
      ({ segment, first, last }) =>
        segment === segmentOf(name) && busOf(name) >= first && busOf(name) <= last,
    );
    return index < 0 ? null : functionId(index, bdfOf(name));
  }
}

/** Windows that Dom0 vouched for and Xen accepted; without any, one of segment 0 at the usual place. */
function windowsOf(calls: readonly TapCall[]): ConsoleFacts['windows'] {
  const accepted = calls.filter((call) => call.op === 'pci_mmcfg_reserved' && call.ret === 0);
  if (accepted.length === 0) return [{ base: 0xb000_0000, segment: 0, first: 0, last: 255 }];
  return accepted.map(({ args }) => ({
    base: Number(args?.['address']),
    segment: Number(args?.['segment']),
    first: Number(args?.['start_bus']),
    last: Number(args?.['end_bus']),
  }));
}

/** Snapshots of the boot first, the ones at the end last. */
const rank = (snap: string): number => (snap.includes('boot') ? 0 : snap.includes('end') ? 2 : 1);

const nameOf = (args: RecordObject): number =>
  Number(args['seg']) * 0x1_0000 + Number(args['bus']) * 0x100 + Number(args['devfn']);

function functionNamed(call: TapCall): number {
  const args = call.args ?? {};
  if (call.fn === 'pci_conf_write_intercept') return parseSbdf(String(args['sbdf'])) ?? Number.NaN;
  if (call.op !== 'map_pirq') return nameOf(args);
  const bus = Number(args['bus']);
  const segment = args['type'] === 0 ? 0 : (bus >>> 16) & 0xffff;
  return segment * 0x1_0000 + (bus & 0xff) * 0x100 + Number(args['devfn']);
}

/** The domain that the calls after a createdomain first speak of. */
function createdBy(
  calls: readonly TapCall[],
  index: number,
  lives: (domid: number) => boolean,
): number | null {
  for (const { domain, op, ret } of calls.slice(index + 1)) {
    if (domain === null || domain >= 0x7ff0 || ret === -3 || op === 'createdomain' || lives(domain)) continue;
    return domain;
  }
  return null;
}

/** HVM domains have their CPU state loaded as a whole, PV domains register by register. */
function typeOf(calls: readonly TapCall[], index: number, domid: number): 'pv' | 'hvm' {
  for (const { domain, op } of calls.slice(index + 1)) {
    if (domain !== domid) continue;
    if (op === 'destroydomain') break;
    if (['gethvmcontext', 'sethvmcontext', 'bind_pt_irq', 'ioport_mapping'].includes(op)) return 'hvm';
    if (['set_address_size', 'setvcpucontext'].includes(op)) return 'pv';
  }
  return 'pv';
}

function platformOf(
  facts: ConsoleFacts,
  images: ReadonlyMap<CallerSbdf, Uint8Array>,
  start: ReadonlySet<CallerSbdf>,
  calls: readonly TapCall[],
): Platform {
  const bridges = recordedBridges(facts);
  const seesWrites = calls.some((call) => call.fn === 'pci_conf_write_intercept');
  const functions = [...images].flatMap(([name, image]) => {
    const index = bridges.findIndex(
      ({ pciDomain, busStart, busEnd }) =>
        pciDomain === segmentOf(name) && busOf(name) >= busStart && busOf(name) <= busEnd,
    );
    if (index < 0) return [];
    const config = asAtPowerOn(image);
    // Drivers turn memory decode on before anything else; a tap without their writes cannot say when.
    if (!seesWrites) turnOn(config);
    const id = bdfOf(name);
    return [
      {
        function: functionId(index, bdf(busOf(id), (id >>> 3) & 0x1f, id & 7)),
        name: '',
        config,
        writeMask: writable(config),
        clearMask: null,
        present: start.has(name),
      },
    ];
  });
  return { ...emptyPlatform, name: 'recorded', arch: 'x86_64', bridges, functions, x86: facts.x86 };
}
