import type { DomainId, PhysicalAddress } from '../../base/brand.js';
import type { KindName, Origin } from '../../events/catalogue.js';
import { type FunctionId, functionId } from '../../pci/function-id.js';
import type { Bdf, CallerSbdf } from '../../pci/sbdf.js';
import type { DraftData, Out, Told } from '../importer.js';
import type { QemuRecord } from './record.js';
import { busOf, type QemuLogMachine, widestAt } from './survey.js';

/** The guest of the recorded QEMU. */
const GUEST = 1 as DomainId;
const GUEST_ACTOR = 'd1';
const CONFIG_ADDRESS = 'pci-conf-idx';
const CONFIG_DATA = 'pci-conf-data';
const ECAM = 'pcie-mmcfg-mmio';

/** Regions that are no PCI: port 0x80 is a debug display, the local APIC gets messages of unknown senders. */
const PASSED_OVER: ReadonlySet<string> = new Set(['ioport80', 'apic-msi', 'control', 'translation']);
const PORT_REGIONS = /^(acpi-|apm-io|lpc-reset-control|piix3-reset-control|pci-conf-)/;

interface Access {
  readonly via: 'cf8' | 'ecam';
  readonly bdf: number;
  readonly reg: number;
  readonly size: number;
  readonly value: number;
}

/**
 * Turns the records of a log into events: each configuration access becomes `config.requested` and
 * `config.completed`, with the function that answered or `nobody`; BARs, MSI-X and messages to the ITS follow; other
 * regions of PCI become `io.*`. Writes of the CF8 latch are folded into the access they are for.
 *
 * Where the log has no lines about regions the width of an access is not known: the widest its offset allows is
 * taken, and the event is marked `inferred`.
 * @source facts/q35-qemu 4.2 for the order of the lines
 */
export class QemuLogEvents {
  readonly #out: Out;
  readonly #bridge: number;
  readonly #isArm: boolean;
  readonly #startUs: number;
  readonly #ecamBase: number;
  readonly #known: Set<number>;
  #hasRegions: boolean;
  #atNs: number | null = null;
  #latch = 0;
  /** `pci_cfg_read` line whose access QEMU prints next. */
  #answered = { bdf: -1, offset: 0, value: 0, name: '' };
  /** The line before was a `pci_cfg_read` that became an access with a guessed width. */
  #guessed = false;
  /** A store that reached the configuration space; its `pci_cfg_write` line comes next, or nobody took it. */
  #store: Access | null = null;
  /** The last write that a function took: what BARs and MSI-X change from. */
  #cause: Told | null = null;
  /** Where the last message to the ITS went; QEMU prints that line just before. */
  #doorbell = 0;
  #causeFunction: FunctionId | null = null;

  /** @param bridge Its place in the platform. */
  constructor(out: Out, bridge: number, machine: QemuLogMachine) {
    this.#out = out;
    this.#bridge = bridge;
    this.#isArm = machine.arch === 'arm64';
    this.#startUs = machine.startUs ?? 0;
    this.#ecamBase = machine.ecamBase ?? 0;
    this.#hasRegions = machine.hasRegions;
    this.#known = new Set(machine.functions.map(({ bdf }) => bdf));
  }

  take(record: QemuRecord): void {
    if (this.#store !== null && record.kind !== 'config-write') this.#finishStore(null, '');
    if (record.atUs >= 0) this.#atNs = (record.atUs - this.#startUs) * 1_000;
    const wasGuessed = this.#guessed;
    this.#guessed = false;
    if (!this.#hasRegions && record.kind === 'region-read' && isConfigRegion(record.name)) {
      this.#hasRegions = true;
      if (wasGuessed) return;
    }
    switch (record.kind) {
      case 'config-read':
        this.#configRead(record);
        return;
      case 'config-write':
        this.#configWrite(record);
        return;
      case 'region-read':
        this.#regionRead(record);
        return;
      case 'region-write':
        this.#regionWrite(record);
        return;
      case 'mapping-add':
      case 'mapping-del': {
        const data = {
          function: this.#functionOf(record),
          bar: record.bar,
          address: record.value,
          addressHigh: record.valueHigh,
          sizeBytes: record.extent,
        };
        this.#outcome(record.kind === 'mapping-add' ? 'bar.mapped' : 'bar.unmapped', data);
        return;
      }
      case 'msix-control':
        if (this.#causeFunction === null) return;
        this.#outcome('function.switched', {
          function: this.#causeFunction,
          kind: 'msix',
          enabled: record.enabled,
          messagesLog2: 0,
        });
        return;
      case 'its-message':
        this.#event('msi.written', 'observed', 'hw', null, {
          function: functionId(this.#bridge, record.extent as Bdf),
          address: this.#doorbell as PhysicalAddress,
          data: record.value,
        });
        return;
      case 'run-state':
        return;
    }
  }

  /** The log ended. */
  finish(): void {
    if (this.#store !== null) this.#finishStore(null, '');
  }

  #configRead(record: QemuRecord): void {
    const bdf = this.#bdfOf(record);
    if (this.#hasRegions) {
      const answered = this.#answered;
      answered.bdf = bdf;
      answered.offset = record.address;
      answered.value = record.value;
      answered.name = record.name;
      return;
    }
    const size = widestAt(record.address);
    const via = record.address < 256 && !this.#isArm ? 'cf8' : 'ecam';
    const access: Access = { via, bdf, reg: record.address, size, value: record.value };
    this.#access('read', access, 'inferred', functionId(this.#bridge, bdf), record.name);
    this.#guessed = true;
  }

  #configWrite(record: QemuRecord): void {
    const bdf = this.#bdfOf(record);
    const fn = functionId(this.#bridge, bdf);
    const store = this.#store;
    if (store !== null) {
      this.#store = { ...store, bdf, reg: record.address };
      this.#finishStore(fn, record.name);
      return;
    }
    const via = record.address < 256 && !this.#isArm ? 'cf8' : 'ecam';
    const access: Access = {
      via,
      bdf,
      reg: record.address,
      size: widestAt(record.address),
      value: record.value,
    };
    this.#access('write', access, 'inferred', fn, record.name);
  }

  #finishStore(fn: FunctionId | null, name: string): void {
    const store = this.#store!;
    this.#store = null;
    this.#access('write', store, 'observed', fn, name);
  }

  #regionRead(record: QemuRecord): void {
    const { name, sizeBytes } = record;
    if (name !== CONFIG_DATA && name !== ECAM) {
      this.#io(record, 'read');
      return;
    }
    const answered = this.#answered;
    const found = answered.bdf >= 0;
    const via = name === ECAM ? 'ecam' : 'cf8';
    const place = found ? answered.bdf * 4096 + answered.offset : this.#placeOf(record);
    const access: Access = {
      via,
      bdf: Math.floor(place / 4096),
      reg: place % 4096,
      size: sizeBytes,
      value: cut(record.value, sizeBytes),
    };
    this.#access(
      'read',
      access,
      'observed',
      found ? functionId(this.#bridge, answered.bdf as Bdf) : null,
      answered.name,
    );
    answered.bdf = -1;
  }

  #regionWrite(record: QemuRecord): void {
    const { name, sizeBytes } = record;
    if (name === 'translation' && Number.isSafeInteger(record.address)) this.#doorbell = record.address;
    if (name === CONFIG_ADDRESS) {
      if (record.address === 0xcf8 && sizeBytes === 4) this.#latch = record.value;
      return;
    }
    if (name !== CONFIG_DATA && name !== ECAM) {
      this.#io(record, 'write');
      return;
    }
    const place = this.#placeOf(record);
    this.#store = {
      via: name === ECAM ? 'ecam' : 'cf8',
      bdf: Math.floor(place / 4096),
      reg: place % 4096,
      size: sizeBytes,
      value: cut(record.value, sizeBytes),
    };
  }

  /** `bdf * 4096 + register` that an access names. */
  #placeOf({ name, address }: QemuRecord): number {
    if (name === ECAM) return Math.max(address - this.#ecamBase, 0) % (1 << 28);
    return ((this.#latch >>> 8) & 0xffff) * 4096 + ((this.#latch & 0xff) | (address & 3));
  }

  #access(dir: 'read' | 'write', access: Access, origin: Origin, fn: FunctionId | null, name: string): void {
    const { via, bdf, reg, size, value } = access;
    const isWrite = dir === 'write';
    const cause = this.#event('config.requested', origin, GUEST_ACTOR, null, {
      domid: GUEST,
      via,
      dir,
      sbdf: bdf as CallerSbdf,
      reg,
      size,
      value: isWrite ? value : null,
    });
    if (isWrite) {
      this.#cause = cause;
      this.#causeFunction = fn;
    }
    this.#event('config.completed', origin, fn === null ? 'dm:qemu' : this.#actor(name), cause, {
      value: isWrite ? null : value,
      handledBy: fn === null ? 'nobody' : this.#actor(name),
      function: fn,
    });
  }

  readonly #actors = new Map<string, string>();
  #actor(name: string): string {
    let actor = this.#actors.get(name);
    if (actor === undefined) {
      actor = `dm:qemu/${name}`;
      this.#actors.set(name, actor);
    }
    return actor;
  }

  /** Another region of PCI: MSI-X tables, ACPI hot-plug, the root complex registers. */
  #io(record: QemuRecord, dir: 'read' | 'write'): void {
    const { name, cpu, address, sizeBytes } = record;
    if (cpu < 0 || PASSED_OVER.has(name) || !Number.isSafeInteger(address)) return;
    const value = cut(record.value, sizeBytes);
    const valueHigh = sizeBytes > 4 ? record.valueHigh : null;
    const isWrite = dir === 'write';
    const request = this.#event('io.requested', 'observed', GUEST_ACTOR, null, {
      domid: GUEST,
      vcpu: cpu,
      space: PORT_REGIONS.test(name) ? 'port' : 'mem',
      addr: address as PhysicalAddress,
      size: sizeBytes,
      dir,
      count: 1,
      df: false,
      dataIsPtr: false,
      value: isWrite ? value : null,
      valueHigh: isWrite ? valueHigh : null,
    });
    this.#event('io.completed', 'observed', 'dm:qemu', request, {
      domid: GUEST,
      vcpu: cpu,
      request,
      result: 'done',
      value: isWrite ? null : value,
      valueHigh: isWrite ? null : valueHigh,
      count: 1,
      handledBy: this.#actor(name),
    });
  }

  /** Under which name the function of a line answered; one that was not heard of before is told. */
  #bdfOf(record: QemuRecord): Bdf {
    const bdf = ((busOf(record, this.#latch) << 8) | record.devfn) as Bdf;
    if (!this.#known.has(bdf)) {
      this.#known.add(bdf);
      this.#out.fact({
        is: 'function',
        bridge: this.#bridge,
        bdf,
        name: record.name,
        config: new Uint8Array(0),
      });
    }
    return bdf;
  }

  #functionOf(record: QemuRecord): FunctionId {
    return functionId(this.#bridge, this.#bdfOf(record));
  }

  /** What followed from the last write a function took. */
  #outcome<K extends KindName>(kind: K, data: DraftData<K>): void {
    if (this.#cause !== null) this.#event(kind, 'observed', 'dm:qemu', this.#cause, data);
  }

  #event<K extends KindName>(
    kind: K,
    origin: Origin,
    by: string,
    cause: Told | null,
    data: DraftData<K>,
  ): Told {
    const atNs = this.#atNs;
    return this.#out.event(
      atNs === null ? { kind, by, origin, cause, data } : { kind, by, origin, cause, atNs, data },
    );
  }
}

const isConfigRegion = (name: string): boolean => name === CONFIG_DATA || name === ECAM;

const cut = (value: number, sizeBytes: number): number =>
  sizeBytes >= 4 ? value : (value & (2 ** (8 * sizeBytes) - 1)) >>> 0;
