import type { EventOf } from '../events/catalogue.js';
import { isRootPort } from '../models/xen/chipset/own.js';
import { reg } from '../pci/header.js';

/** Functions remembered of one guest: four full buses. A guest that makes up more is judged by the first ones. */
const FUNCTIONS = 1024;

/** What a guest has seen or set of one function: bytes by offset. */
export interface KnownFunction {
  readonly sbdf: number;
  readonly bytes: Map<number, number>;
  /** Sizes of memory BARs by offset, learnt when the guest read back all ones. */
  readonly barSizes: Map<number, number>;
  /** BARs to which the guest wrote all ones: they hold no address. */
  readonly sizing: Set<number>;
}

export type KnownFunctions = ReadonlyMap<number, KnownFunction>;

/** An access that changed what is known: a write as it was sent, or a read with its answer. */
export interface Learnt {
  readonly domid: number;
  readonly functions: KnownFunctions;
  readonly fn: KnownFunction;
  readonly dir: 'read' | 'write';
  readonly at: number;
  readonly size: number;
}

interface PendingRead {
  readonly sbdf: number;
  readonly at: number;
  readonly size: number;
}

/**
 * Configuration space of guests as device models show it: read from the answers, and from the guest's own writes, whose
 * read-only bits are unknown and kept as last read. Memory is bounded by functions per guest.
 */
export class GuestConfig {
  readonly #guests = new Map<number, Map<number, KnownFunction>>();
  readonly #pending = new Map<string, PendingRead>();

  /** A request on its way; null when it teaches nothing yet. */
  sent({ data }: EventOf<'ioreq.sent'>): Learnt | null {
    if (data.type !== 'pci_config' || data.sbdf === null || data.reg === null) return null;
    const { domid, vcpu, sbdf, reg: at, size } = data;
    if (data.dir === 'read') {
      this.#pending.set(`${domid}:${vcpu}`, { sbdf, at, size });
      return null;
    }
    this.#pending.delete(`${domid}:${vcpu}`);
    return this.#learn(domid, sbdf, 'write', at, size, data.data);
  }

  completed({ data }: EventOf<'ioreq.completed'>): Learnt | null {
    const key = `${data.domid}:${data.vcpu}`;
    const read = this.#pending.get(key);
    this.#pending.delete(key);
    if (read === undefined || data.how !== 'answered' || (read.at === 0 && isNobody(data.data))) return null;
    return this.#learn(data.domid, read.sbdf, 'read', read.at, read.size, data.data);
  }

  /** A register of Xen's own chipset; its ports are bridges without the guest having to look. */
  chipset({ data }: EventOf<'chipset.changed'>): Learnt | null {
    const learnt = this.#learn(data.domid, data.sbdf, 'write', data.reg, 4, data.value);
    if (learnt !== null && isRootPort(data.sbdf)) learnt.fn.bytes.set(reg.headerType, 1);
    return learnt;
  }

  forget(domid: number): void {
    this.#guests.delete(domid);
    for (const key of this.#pending.keys()) if (key.startsWith(`${domid}:`)) this.#pending.delete(key);
  }

  #learn(
    domid: number,
    sbdf: number,
    dir: 'read' | 'write',
    at: number,
    size: number,
    value: number,
  ): Learnt | null {
    const functions = this.#guests.get(domid) ?? new Map<number, KnownFunction>();
    this.#guests.set(domid, functions);
    let fn = functions.get(sbdf);
    if (fn === undefined) {
      if (functions.size >= FUNCTIONS) return null;
      fn = { sbdf, bytes: new Map(), barSizes: new Map(), sizing: new Set() };
      functions.set(sbdf, fn);
    }
    if (isBar(fn, at) && size === 4) learnBar(fn, dir, at, value);
    for (let i = 0; i < Math.min(4, size); i++) {
      const place = at + i;
      const fixed = dir === 'write' ? readOnlyBits(fn, place) : 0;
      fn.bytes.set(place, ((fn.bytes.get(place) ?? 0) & fixed) | ((value >>> (8 * i)) & 0xff & ~fixed));
    }
    return { domid, functions, fn, dir, at, size };
  }
}

const isNobody = (value: number): boolean => (value & 0xffff) === 0xffff;

export const byteOf = (fn: KnownFunction, at: number): number => fn.bytes.get(at) ?? 0;
export const wordOf = (fn: KnownFunction, at: number): number => byteOf(fn, at) | (byteOf(fn, at + 1) << 8);
export const dwordOf = (fn: KnownFunction, at: number): number =>
  wordOf(fn, at) + wordOf(fn, at + 2) * 0x1_0000;

/** Whether every byte of a register was seen or set. */
export function isKnown(fn: KnownFunction, at: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (!fn.bytes.has(at + i)) return false;
  return true;
}

export const isBridge = (fn: KnownFunction): boolean => (byteOf(fn, reg.headerType) & 0x7f) === 1;

/** A base address register of a function whose header the guest has looked at. */
function isBar(fn: KnownFunction, at: number): boolean {
  const header = fn.bytes.get(reg.headerType);
  const bars = header === undefined ? 0 : (header & 0x7f) === 0 ? 6 : 2;
  return at >= reg.bar0 && at < reg.bar0 + 4 * bars && (at & 3) === 0;
}

function learnBar(fn: KnownFunction, dir: 'read' | 'write', at: number, value: number): void {
  if (dir === 'write') {
    if (value === 0xffff_ffff) fn.sizing.add(at);
    else fn.sizing.delete(at);
  } else if (fn.sizing.has(at) && value !== 0 && (value & 1) === 0) {
    fn.barSizes.set(at, (~(value & ~0xf) >>> 0) + 1);
  }
}

/** Type bits of BARs and windows, which a write does not change. @source facts/q35-qemu 2.5, 2.6 */
function readOnlyBits(fn: KnownFunction, at: number): number {
  if (isBar(fn, at & ~3)) return (at & 3) === 0 ? 0x0f : 0;
  if (!isBridge(fn)) return 0;
  return TYPED_WINDOWS.has(at) ? 0x0f : 0;
}

const TYPED_WINDOWS: ReadonlySet<number> = new Set([
  reg.ioBase,
  reg.ioLimit,
  reg.memoryBase,
  reg.memoryLimit,
  reg.prefBase,
  reg.prefLimit,
]);
