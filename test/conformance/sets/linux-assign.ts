import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DomainId } from '../../../src/base/brand.js';
import type { InputDraft, TraceEvent } from '../../../src/events/catalogue.js';
import { Engine } from '../../../src/models/engine.js';
import { readConfig } from '../../../src/models/hardware/config-space.js';
import { functionById } from '../../../src/models/qemu/plugging/hotplug.js';
import type { FunctionId } from '../../../src/pci/function-id.js';
import { bdfOf, busOf, type Dom0Sbdf, devOf, formatSbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import { defaultPolicies } from '../../../src/policy/axes.js';
import { currentBehaviour } from '../../../src/policy/behaviours.js';
import { defaultSwitches } from '../../../src/policy/switches.js';
import { type Console, isCoreLine, readConsole } from '../linux-assign/console.js';
import {
  type Handover,
  handover,
  isHeaderRegister,
  pathOfFunction,
  pluggedKey,
} from '../linux-assign/machine.js';
import { compareResources } from '../linux-assign/resource-file.js';
import { COMMAND, compareWrites, type HeaderStep } from '../linux-assign/writes.js';
import { pathOf } from '../qemu/plugging.js';
import { type PlugCommand, type RecordedBoot, recordedBoot } from '../qemu/recorded-boot.js';
import { type ConformanceSet, type Row, RowBuilder } from '../row.js';

/**
 * Recorded boots of real Linux kernels: the model scans and assigns the machine as firmware left it, follows every
 * hot-plug, removal and rescan, and is held against bus numbers, BARs and windows in each dump, the file `resource` of
 * each device, what the PCI core printed, and the writes to headers in order, to the end of the trace. One row per
 * recording and question.
 */
export const linuxAssignSet: ConformanceSet = {
  name: 'linux-assign',
  folder: 'qemu',
  async *rows(folder: string): AsyncIterable<Row> {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const boot = entry.isDirectory() ? recordedBoot(folder, entry.name) : null;
      const printed = boot === null ? null : readConsole(join(folder, entry.name));
      if (boot !== null && printed !== null && printed.roots.length > 0) yield* await judge(boot, printed);
    }
  },
};

async function judge(boot: RecordedBoot, printed: Console): Promise<Row[]> {
  const run = new Run(boot, printed, await handover(boot, printed.roots));
  run.boot();
  run.steps();
  return run.rows();
}

class Run {
  readonly #boot: RecordedBoot;
  readonly #printed: Console;
  readonly #handover: Handover;
  readonly #engine: Engine;
  readonly #registers: RowBuilder;
  readonly #files: RowBuilder;
  readonly #messages: RowBuilder;
  readonly #writes: RowBuilder;
  readonly #said: string[] = [];
  readonly #written: HeaderStep[] = [];
  /** Writes of the first scan and assignment. */
  #bootWrites = 0;
  readonly #driven = new Set<number>();
  /** Path of a plugged device by the id its request gave. */
  readonly #plugged: Record<string, string> = {};
  readonly #drivenBy: Record<string, string> = {};

  constructor(boot: RecordedBoot, printed: Console, given: Handover) {
    this.#boot = boot;
    this.#printed = printed;
    this.#handover = given;
    this.#registers = new RowBuilder('linux-assign', `${boot.name}: registers`);
    this.#files = new RowBuilder('linux-assign', `${boot.name}: resource files`);
    this.#messages = new RowBuilder('linux-assign', `${boot.name}: messages`);
    this.#writes = new RowBuilder('linux-assign', `${boot.name}: writes`);
    const realloc = /\bpci=\S*realloc(=off)?/.exec(boot.cold.args.join(' '));
    this.#engine = new Engine({
      platform: given.platform,
      policies: {
        ...defaultPolicies,
        'pci-realloc': realloc === null ? 'auto' : realloc[1] === undefined ? 'on' : 'off',
      },
      switches: { ...defaultSwitches, linux: printed.linux },
      behaviour: currentBehaviour,
    });
  }

  boot(): void {
    const data = {
      domid: 0 as DomainId,
      type: 'pv' as const,
      privileged: true,
      hardware: true,
      target: null,
      name: 'Domain-0',
    };
    this.#step({ kind: 'domain.created', by: 'xen', data });
    for (const { busStart } of this.#printed.roots)
      this.#step({ kind: 'linux.scanned', by: 'd0', data: { segment: 0, bus: busStart } });
    if (this.#handover.platform.arch === 'x86_64') this.#step({ kind: 'linux.surveyed', by: 'd0', data: {} });
    this.#bootWrites = this.#written.length;
  }

  /** Everything that happened after the boot, dump by dump. */
  steps(): void {
    const tags = Object.keys(this.#boot.dumps);
    const groups = groupsOf(this.#boot.commands);
    const plan = /plan=(\S+)/.exec(this.#boot.cold.args.join(' '))?.[1];
    const removed = /rmdev=([0-9a-f:.]+)/.exec(this.#boot.cold.args.join(' '))?.[1];
    tags.forEach((tag, index) => {
      if (/^step\d+-(?!.*none)/.test(tag)) for (const command of groups.shift() ?? []) this.#command(command);
      if (plan === 'remove-rescan' && removed !== undefined) {
        if (tag === 'removed') this.#sysfs(`/sys/bus/pci/devices/${removed}/remove`);
        if (tag === 'final' && index > 0) this.#sysfs('/sys/bus/pci/rescan');
      }
      this.#drivers(tag);
      this.#compareDump(tag);
      this.#compareFiles(tag);
    });
    this.#compareMessages();
    const recorded = this.#handover.writes.map(({ bdf, reg, value }) => headerStep(bdf, reg, value, false));
    const boot = this.#written.slice(0, this.#bootWrites);
    compareWrites(this.#writes, recorded, boot, this.#written.slice(this.#bootWrites));
  }

  rows(): Row[] {
    return [this.#registers, this.#files, this.#messages, this.#writes].map((one) => one.row());
  }

  #step(draft: InputDraft): TraceEvent[] {
    const events = this.#engine.step(draft);
    if (draft.kind === 'linux.driver-probed') this.#driven.add(draft.data.sbdf);
    for (const event of events) {
      if (event.kind === 'linux.logged') this.#said.push(event.data.text);
      if (event.kind !== 'linux.config-written' || !isHeaderRegister(event.data.reg)) continue;
      // When a driver's turn comes is taken from the dumps; the trace has it where it was.
      if (draft.kind === 'linux.driver-probed' && event.data.reg === COMMAND) continue;
      const { sbdf, reg, value } = event.data;
      this.#written.push(headerStep(sbdf, reg, value, this.#driven.has(sbdf)));
    }
    return events;
  }

  #sysfs(path: string): void {
    this.#step({ kind: 'sysfs.requested', by: 'd0', data: { verb: 'write', path, value: '1' } });
  }

  #command(command: PlugCommand): void {
    const { machine, functions } = this.#handover;
    const { id = '', driver = '' } = command.args;
    const path = command.add ? pathOf(machine, command) : this.#pathById(id);
    const fn =
      functions[pluggedKey(path, command.add ? driver : (this.#drivenBy[id] ?? ''))] ?? functions[path];
    if (fn === undefined) return;
    if (command.add) {
      this.#plugged[id] = path;
      this.#drivenBy[id] = driver;
      this.#step({ kind: 'device.plugged', by: 'hw', data: { function: fn } });
      if (/\.0$/.test(path)) this.#slot('linux.slot-enabled', path);
      return;
    }
    this.#slot('linux.slot-disabled', path);
    this.#step({ kind: 'device.unplugged', by: 'hw', data: { function: fn } });
  }

  #pathById(id: string): string {
    const fn = functionById(this.#handover.machine, id);
    return this.#plugged[id] ?? (fn === null ? '' : pathOfFunction(this.#handover.machine, fn));
  }

  #slot(kind: 'linux.slot-enabled' | 'linux.slot-disabled', path: string): void {
    const slash = path.lastIndexOf('/');
    const above = slash < 0 ? undefined : this.#handover.functions[path.slice(0, slash)];
    const port = Object.entries(this.#engine.state.linux.devices).find(([, one]) => one.function === above);
    const bus =
      port === undefined
        ? 0
        : this.#engine.state.linuxTree.buses.find((one) => one.bridge === Number(port[0]))?.number;
    if (bus === undefined) return;
    const { board } = this.#handover.machine;
    const native = board.kind === 'virt' || board.nativeHotplug;
    const device = Number.parseInt(path.slice(slash + 1), 16);
    const data = { segment: 0, bus, device, method: native ? ('pciehp' as const) : ('acpiphp' as const) };
    this.#step({ kind, by: 'd0', data });
  }

  /** Drivers that the dump shows and the model has not bound yet: ports first, they come with the kernel. */
  #drivers(tag: string): void {
    const files = Object.entries(this.#printed.files[tag] ?? {});
    const isPort = (driver: string | null): boolean => driver === 'pcieport';
    for (const ports of [true, false]) {
      for (const [name, { driver }] of files) {
        const sbdf = parseSbdf<Dom0Sbdf>(name)!;
        const known = this.#engine.state.linux.devices[sbdf];
        if (known === undefined || driver === null || isPort(driver) !== ports || known.driver === driver)
          continue;
        this.#step({ kind: 'linux.driver-probed', by: 'd0', data: { sbdf, driver } });
      }
    }
  }

  #compareDump(tag: string): void {
    for (const [name, hex] of Object.entries(this.#boot.dumps[tag] ?? {})) {
      const bytes = Buffer.from(hex, 'hex');
      const sbdf = parseSbdf<Dom0Sbdf>(name)!;
      const known = this.#engine.state.linux.devices[sbdf];
      if (known === undefined && this.#isVirtual(sbdf)) {
        this.#registers.unmodelled(VIRTUAL);
        continue;
      }
      for (const [reg, size] of (bytes[0x0e]! & 0x7f) === 1 ? bridgeRegisters : deviceRegisters) {
        const actual =
          known === undefined ? null : readConfig(this.#engine, known.function as FunctionId, reg, size);
        const expected = bytes.readUIntLE(reg, size);
        this.#registers.compare(
          `dump ${tag}`,
          `${name} @0x${reg.toString(16)}`,
          hexText(expected),
          hexText(actual),
        );
      }
    }
    const there = Object.keys(this.#engine.state.linux.devices).map((key) => formatSbdf(Number(key)));
    this.#registers.compare(
      `dump ${tag}`,
      'devices',
      Object.keys(this.#boot.dumps[tag] ?? {})
        .filter((name) => !this.#isVirtual(parseSbdf<Dom0Sbdf>(name)!))
        .sort(),
      there.sort(),
    );
  }

  #isVirtual(sbdf: Dom0Sbdf): boolean {
    const { linuxTree, linux } = this.#engine.state;
    return (
      linux.devices[sbdf] === undefined &&
      Object.keys(linuxTree.vfBuses).some((pf) => {
        const last = linuxTree.vfBuses[Number(pf)]!;
        return busOf(Number(pf)) <= busOf(sbdf) && busOf(sbdf) <= last && sbdf > Number(pf);
      })
    );
  }

  #compareFiles(tag: string): void {
    for (const [name, { lines }] of Object.entries(this.#printed.files[tag] ?? {})) {
      const sbdf = parseSbdf<Dom0Sbdf>(name)!;
      if (this.#isVirtual(sbdf)) {
        this.#files.unmodelled(VIRTUAL);
        continue;
      }
      const path = `/sys/bus/pci/devices/${name}/resource`;
      const events = this.#engine.step({
        kind: 'sysfs.requested',
        by: 'd0',
        data: { verb: 'read', path, value: null },
      });
      const read = events.findLast((event) => event.kind === 'sysfs.accessed')?.data.result ?? '';
      compareResources(this.#files, `dump ${tag}`, name, lines, read);
    }
  }

  #compareMessages(): void {
    const isVirtualLine = (line: string): boolean => {
      const name = / ([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]): /.exec(line)?.[1];
      const sbdf = name === undefined ? null : parseSbdf<Dom0Sbdf>(name);
      return (
        sbdf !== null &&
        this.#isVirtual(sbdf) &&
        this.#boot.dumps['final'] !== undefined &&
        devOf(bdfOf(sbdf)) >= 0 &&
        !this.#everKnown(sbdf)
      );
    };
    const expected = this.#printed.core.filter((line) => !isVirtualLine(line));
    const actual = this.#said.filter(isCoreLine);
    const count = Math.max(expected.length, actual.length);
    for (let i = 0; i < count; i++)
      this.#messages.compare(`message ${i}`, expected[i - 1] ?? '', expected[i] ?? null, actual[i] ?? null);
  }

  #everKnown(sbdf: Dom0Sbdf): boolean {
    return this.#said.some((line) => line.includes(` ${formatSbdf(sbdf)}: [`));
  }
}

const headerStep = (sbdf: number, reg: number, value: number, driven: boolean): HeaderStep => ({
  bdf: formatSbdf(sbdf).slice(5),
  reg,
  value: value >>> 0,
  driven,
});

const VIRTUAL = 'a virtual function: it comes with sriov_numvfs, not with a scan';
const hexText = (value: number | null): string | null => (value === null ? null : `0x${value.toString(16)}`);

const bars = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24].map((reg) => [reg, 4] as const);
const deviceRegisters = [...bars, [0x30, 4] as const];
const bridgeRegisters: readonly (readonly [number, number])[] = [
  ...bars.slice(0, 2),
  [0x18, 4],
  [0x1c, 2],
  [0x20, 4],
  [0x24, 4],
  [0x28, 4],
  [0x2c, 4],
  [0x30, 4],
  [0x38, 4],
  [0x3e, 2],
];

/** Requests made at once are one step: the functions of a slot. */
function groupsOf(commands: readonly PlugCommand[]): PlugCommand[][] {
  const groups: PlugCommand[][] = [];
  let untilUs = Number.NEGATIVE_INFINITY;
  for (const command of commands) {
    if (command.fromUs - untilUs < 2_000_000) groups.at(-1)!.push(command);
    else groups.push([command]);
    untilUs = command.untilUs;
  }
  return groups;
}
