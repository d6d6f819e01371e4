import type { QemuRecord } from '../../../src/importers/qemu-log/record.js';
import { requesterId } from '../../../src/models/qemu/function/dma.js';
import { msiEnabled, msiVectors } from '../../../src/models/qemu/function/msi.js';
import { msixEnabled, readMsixTable } from '../../../src/models/qemu/function/msix.js';
import { imageOf, type QemuMachine } from '../../../src/models/qemu/machine.js';
import { get16 } from '../../../src/models/qemu/registers.js';
import { readMemory, readPorts, writeMemory, writePorts } from '../../../src/models/qemu/space/access.js';
import type { FunctionState } from '../../../src/models/qemu/state.js';
import type { RowBuilder } from '../row.js';
import { type Line, lineText, Predictions, sameLine } from './predicted.js';
import { memoryRegion, portRegions, undecidedRegister } from './undecided.js';

/**
 * Plays the accesses of a recorded guest to a machine and holds every trace line of QEMU's that followed against what
 * the machine predicts: which function answered under which bus number, offset and data; BARs mapped and unmapped;
 * MSI-X control; messages of ports; what the guest read.
 */
export class Player {
  readonly #machine: QemuMachine;
  readonly #row: RowBuilder;
  readonly #predictions: Predictions;
  /** `pci_cfg_read` lines whose access is not known yet: QEMU prints it behind them. */
  readonly #reads: { readonly line: number; readonly said: Line }[] = [];
  /** Messages the machine sent during the last access. */
  #messages: { address: number; data: number }[] = [];
  readonly #messageCounts = new Map<string, number>();

  constructor(machine: QemuMachine, row: RowBuilder) {
    this.#machine = machine;
    this.#row = row;
    this.#predictions = new Predictions(machine);
    machine.observer = this.#predictions;
  }

  play(record: QemuRecord): void {
    switch (record.kind) {
      case 'region-write':
        if (MESSAGE_REGIONS.has(record.name)) this.#message(record);
        else this.#write(record);
        return;
      case 'region-read':
        this.#read(record);
        return;
      case 'config-read':
        this.#reads.push({ line: record.line, said: lineOf(record) });
        return;
      case 'config-write':
      case 'mapping-add':
      case 'mapping-del':
      case 'msix-control':
        this.#follow(record);
        return;
      case 'its-message':
        this.#itsMessage(record);
        return;
      case 'run-state':
        return;
    }
  }

  /** Nothing more comes. A trace may end inside an access: what is open cannot be judged. */
  end(): void {
    const open = this.#reads.splice(0).length + this.#predictions.lines.splice(0).length;
    if (open > 0) this.#row.unmodelled('the trace ends inside an access', open);
  }

  /** Messages the machine sent outside an access of the guest: a hot-plug request did. */
  sent(): void {
    this.#takeEffects();
  }

  #write(record: QemuRecord): void {
    if (!reaches(record.name)) return;
    this.#close(record.line);
    const bytes = new Uint8Array(record.sizeBytes);
    for (let i = 0; i < bytes.length; i++) {
      bytes[i] = (i < 4 ? record.value : record.valueHigh) >>> (8 * (i & 3));
    }
    const address = this.#addressOf(record);
    if (portRegions.has(record.name)) writePorts(this.#machine, address, bytes);
    else writeMemory(this.#machine, address, bytes);
    this.#takeEffects();
  }

  #read(record: QemuRecord): void {
    const { name, line, sizeBytes } = record;
    if (!reaches(name)) return;
    this.#close(line);
    const address = this.#addressOf(record);
    const out = new Uint8Array(sizeBytes);
    const reason = portRegions.has(name)
      ? readPorts(this.#machine, address, out)
      : readMemory(this.#machine, address, out);
    const predicted = this.#predictions.lines.splice(0);
    const reads = this.#reads.splice(0);
    for (const { line: at, said } of reads) this.#compare(at, said, predicted.shift());
    for (const extra of predicted) this.#wrong(line, `${name} read`, 'no function answers', lineText(extra));
    // A function that answered was judged by its own line: the access repeats its data.
    if (reads.length > 0) return;
    const why = undecidedRegister(this.#machine, name, address) ?? reason;
    if (why !== null) {
      this.#row.unmodelled(`${name}: ${why}`);
      return;
    }
    const expected = cut(record.value, sizeBytes);
    const actual = cut((out[0]! | (out[1]! << 8) | (out[2]! << 16) | (out[3]! << 24)) >>> 0, sizeBytes);
    this.#row.check(expected === actual, () => ({
      at: `line ${line}`,
      input: `${name} read of ${sizeBytes} at 0x${record.address.toString(16)}`,
      expected: `0x${expected.toString(16)}`,
      actual: `0x${actual.toString(16)}`,
    }));
  }

  /** ARM's ECAM window is mapped through an alias: the trace prints addresses from its start. */
  #addressOf({ name, address }: QemuRecord): number {
    const { ecam } = this.#machine.state;
    const relative = name === 'pcie-mmcfg-mmio' && this.#machine.board.kind === 'virt' && ecam !== null;
    return relative && address < ecam.sizeBytes ? ecam.base + address : address;
  }

  /** A line QEMU prints while it carries out a write. */
  #follow(record: QemuRecord): void {
    this.#compare(record.line, lineOf(record), this.#predictions.lines.shift());
  }

  /** A message reached an interrupt controller; those the machine did not predict come from devices at work. */
  #message(record: QemuRecord): void {
    const key = `${record.address}/${record.value}`;
    this.#messageCounts.set(key, (this.#messageCounts.get(key) ?? 0) + 1);
    const at = this.#messages.findIndex((m) => m.address === record.address && m.data === record.value);
    if (at < 0) return;
    this.#messages.splice(at, 1);
    this.#row.check(true, () => ({ at: '', input: '', expected: '', actual: '' }));
  }

  /** A message reached the ITS: some function with that requester id must have been told to send it. */
  #itsMessage({ line, extent, value }: QemuRecord): void {
    const machine = this.#machine;
    const senders = machine.state.functions.filter(
      (fn) => fn !== null && requesterId(machine, fn) === extent,
    );
    const found = senders.some((fn) => fn !== null && mayHaveSent(machine, fn, value));
    this.#row.check(found, () => ({
      at: `line ${line}`,
      input: 'gicv3_its_translation_write',
      expected: `requester 0x${extent.toString(16)} sends 0x${value.toString(16)}`,
      actual: `${senders.length} functions have that id, none a vector with that data`,
    }));
  }

  #takeEffects(): void {
    for (const effect of this.#machine.effects.splice(0)) {
      if (effect.kind === 'msi' && takesMessages(effect.address)) {
        this.#messages.push({ address: effect.address, data: effect.data });
      }
    }
  }

  /** Before the next access: everything predicted for the last one must have been printed. */
  #close(line: number): void {
    for (const left of this.#predictions.lines.splice(0))
      this.#wrong(line, 'before', 'no such line', lineText(left));
    for (const { address, data } of this.#messages.splice(0)) {
      // The recorder keeps a bounded number of equal messages.
      if ((this.#messageCounts.get(`${address}/${data}`) ?? 0) >= EQUAL_MESSAGES_KEPT) continue;
      this.#wrong(line, 'before', 'no message', `0x${data.toString(16)} to 0x${address.toString(16)}`);
    }
  }

  #compare(line: number, said: Line, predicted: Line | undefined): void {
    this.#row.check(predicted !== undefined && sameLine(said, predicted), () => ({
      at: `line ${line}`,
      input: said.kind,
      expected: lineText(said),
      actual: predicted === undefined ? 'nothing' : lineText(predicted),
    }));
  }

  #wrong(line: number, input: string, expected: string, actual: string): void {
    this.#row.check(false, () => ({ at: `line ${line}`, input, expected, actual }));
  }
}

/** Regions that take messages: the local APIC page of x86, the ITS of ARM virt. */
const MESSAGE_REGIONS: ReadonlySet<string> = new Set(['apic-msi', 'translation']);
const ITS_TRANSLATER = 0x809_0040;
const takesMessages = (address: number): boolean =>
  (address >= 0xfee0_0000 && address < 0xfef0_0000) || address === ITS_TRANSLATER;
const EQUAL_MESSAGES_KEPT = 300;

/** Whether one of the function's vectors holds this data and may send. */
function mayHaveSent(machine: QemuMachine, fn: FunctionState, data: number): boolean {
  if (!fn.busMaster) return false;
  const { msi, msix } = imageOf(machine, fn);
  if (msix !== null && msixEnabled(machine, fn)) {
    return Array.from({ length: msix.vectors }, (_, vector) => vector).some(
      (vector) =>
        readMsixTable(fn, 16 * vector + 8) === data && (readMsixTable(fn, 16 * vector + 12) & 1) === 0,
    );
  }
  if (msi === null || !msiEnabled(machine, fn)) return false;
  const wide = (get16(machine, fn, msi + 2) & 0x80) !== 0;
  const first = get16(machine, fn, msi + (wide ? 12 : 8));
  const vectors = msiVectors(machine, fn);
  return (first & ~(vectors - 1)) <= data && data < (first & ~(vectors - 1)) + vectors;
}

const reaches = (region: string): boolean => portRegions.has(region) || memoryRegion(region);

const cut = (value: number, sizeBytes: number): number =>
  sizeBytes >= 4 ? value : (value & (2 ** (8 * sizeBytes) - 1)) >>> 0;

function lineOf(record: QemuRecord): Line {
  const { kind, name, bus, devfn, address, value, bar } = record;
  switch (kind) {
    case 'config-read':
    case 'config-write':
      return { kind, name, bus, devfn, address, value, bar: 0 };
    case 'mapping-add':
    case 'mapping-del':
      return { kind, name, bus, devfn, address, value: record.extent, bar };
    default: {
      const bits = (record.enabled ? 1 : 0) + (record.masked ? 2 : 0);
      return { kind: 'msix-control', name, bus: 0, devfn: 0, address: 0, value: bits, bar: 0 };
    }
  }
}
