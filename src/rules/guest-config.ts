import type { EventOf, TraceEvent } from '../events/catalogue.js';
import { isRootPort } from '../models/xen/chipset/own.js';
import { extendedCapability } from '../pci/capabilities.js';
import { command, reg } from '../pci/header.js';
import { busOf } from '../pci/sbdf.js';
import { type AddressRegister, isSizing, registerAt } from './address-registers.js';
import { type EcamWindows, followPciexbar, nameInEcam, newEcamWindows } from './ecam-windows.js';
import { walkExtended } from './known-capabilities.js';
import { isBridge, KnownFunction, secondaryOf } from './known-function.js';
import type { Watching } from './rule.js';

/** Functions remembered of one guest, four full buses, and of all: who makes up more is judged by the first ones. */
const FUNCTIONS = 1024;
const ALL_FUNCTIONS = 4096;

/** Everything known of one guest. */
export interface KnownGuest {
  readonly domid: number;
  readonly functions: Map<number, KnownFunction>;
  readonly byBus: Map<number, KnownFunction[]>;
  readonly bridges: Set<KnownFunction>;
  readonly ecam: EcamWindows;
}

/** An access that taught something: a write as it was sent, or a read with its answer. */
export interface Learnt {
  readonly guest: KnownGuest;
  readonly fn: KnownFunction;
  readonly dir: 'read' | 'write';
  readonly at: number;
  readonly size: number;
  /** Some byte has another value than before, or is known for the first time. */
  readonly news: boolean;
}

interface Place {
  readonly sbdf: number;
  readonly at: number;
  readonly size: number;
}

/**
 * Configuration space of guests as device models show it: read from the answers, and from the guest's own writes to
 * registers that take them. Memory is bounded by functions; `learn` gives every caller the same answer for one event.
 */
export class GuestConfig {
  readonly #guests = new Map<number, KnownGuest>();
  readonly #pending = new Map<string, Place>();
  #count = 0;
  #last: TraceEvent | null = null;
  #learnt: Learnt | null = null;
  /** The function each virtual CPU's last access in a decoded window stands for, with the access. */
  readonly #decoded = new Map<string, { readonly access: number | null; readonly sbdf: number }>();

  guest(domid: number): KnownGuest | null {
    return this.#guests.get(domid) ?? null;
  }

  /** What an event teaches; null for nothing. */
  learn(event: TraceEvent, watching: Watching): Learnt | null {
    if (event === this.#last) return this.#learnt;
    this.#last = event;
    this.#learnt = this.#look(event, watching);
    return this.#learnt;
  }

  /**
   * The function a guest meant by a request. Where Xen translates bus numbers the request carries the name servers
   * registered; the guest's own name is in the address latch or in the window. @source facts/xen 13.3, 4.5
   */
  meant({ data }: EventOf<'ioreq.sent'>, { env, state }: Watching): number | null {
    const { mmconfig } = env.policies;
    if (data.sbdf === null || mmconfig === 'none' || mmconfig === 'notify') return data.sbdf;
    const decoded = this.#decoded.get(`${data.domid}:${data.vcpu}`);
    if (decoded !== undefined && decoded.access === data.request) return decoded.sbdf;
    return ((state.ioreq[data.domid]?.cf8 ?? 0) >>> 8) & 0xffff;
  }

  #look(event: TraceEvent, watching: Watching): Learnt | null {
    switch (event.kind) {
      case 'mmconfig.decoded':
        this.#decoded.set(`${event.data.domid}:${event.data.vcpu}`, {
          access: event.cause,
          sbdf: event.data.sbdf,
        });
        return null;
      case 'ioreq.sent':
        return this.#sent(event, watching);
      case 'ioreq.completed':
        return this.#completed(event);
      case 'chipset.changed': {
        const { domid, sbdf, reg: at, value } = event.data;
        const learnt = this.#learn(domid, { sbdf, at, size: 4 }, 'write', value, true);
        // Ports of Xen's own chipset are bridges without the guest having to look.
        if (learnt === null || !isRootPort(sbdf)) return learnt;
        learnt.fn.set(reg.headerType, 1);
        learnt.guest.bridges.add(learnt.fn);
        return learnt;
      }
      case 'domain.destroyed':
        this.#forget(event.data.domid);
        return null;
      default:
        return null;
    }
  }

  #sent(event: EventOf<'ioreq.sent'>, watching: Watching): Learnt | null {
    const { domid, vcpu, dir, data } = event.data;
    const place = this.#placeOf(event, watching);
    const key = `${domid}:${vcpu}`;
    if (place === null) {
      this.#pending.delete(key);
      return null;
    }
    if (dir === 'read') {
      this.#pending.set(key, place);
      return null;
    }
    this.#pending.delete(key);
    return this.#learn(domid, place, 'write', data);
  }

  /** The register a request is for: asked for as such, or one above 0xff in the window, where nothing else leads. */
  #placeOf(event: EventOf<'ioreq.sent'>, watching: Watching): Place | null {
    const { type, domid, addr, reg: at, size, count, dataIsPtr } = event.data;
    if (dataIsPtr || size > 4) return null;
    if (type === 'pci_config') {
      const sbdf = this.meant(event, watching);
      return sbdf === null || at === null ? null : { sbdf, at, size };
    }
    const window = type === 'copy' && count === 1 ? (this.#guests.get(domid)?.ecam.current ?? null) : null;
    const name = window === null ? null : nameInEcam(window, addr);
    return name === null || name.at < 0x100 ? null : { ...name, size };
  }

  #completed({ data }: EventOf<'ioreq.completed'>): Learnt | null {
    const key = `${data.domid}:${data.vcpu}`;
    const read = this.#pending.get(key);
    this.#pending.delete(key);
    if (read === undefined || data.how !== 'answered' || this.#isNobody(data.domid, read, data.data))
      return null;
    return this.#learn(data.domid, read, 'read', data.data);
  }

  /**
   * All ones where a function that is there has none: it is absent, without power or gone. A base register that is
   * being sized has them, and a place above the header that nobody has read yet.
   */
  #isNobody(domid: number, { sbdf, at, size }: Place, value: number): boolean {
    if (at === 0 ? (value & 0xffff) !== 0xffff : value !== 2 ** (8 * size) - 1) return false;
    const fn = this.#guests.get(domid)?.functions.get(sbdf);
    if (fn === undefined || at === 0x100) return true;
    return at < 0x40 ? !fn.sizing.has(at) : fn.byte(at) !== null;
  }

  #forget(domid: number): void {
    this.#count -= this.#guests.get(domid)?.functions.size ?? 0;
    this.#guests.delete(domid);
    for (const map of [this.#pending, this.#decoded]) {
      for (const key of map.keys()) if (key.startsWith(`${domid}:`)) map.delete(key);
    }
  }

  /** @param exact The value is what the register holds, read-only bits included. */
  #learn(
    domid: number,
    { sbdf, at, size }: Place,
    dir: 'read' | 'write',
    value: number,
    exact = dir === 'read',
  ): Learnt | null {
    const guest = this.#guests.get(domid) ?? newGuest(domid);
    this.#guests.set(domid, guest);
    const fn = this.#function(guest, sbdf);
    if (fn === null) return null;
    const before = fn.version;
    const register = registerAt(fn, at);
    if (register?.at === at && size === 4) learnSize(fn, dir, register, value);
    for (let i = 0; i < Math.min(4, size); i++) {
      const place = at + i;
      const fixed = exact ? 0 : readOnlyBits(fn, place);
      if (fixed === 0xff) continue;
      fn.set(place, ((fn.byte(place) ?? 0) & fixed) | ((value >>> (8 * i)) & 0xff & ~fixed));
    }
    if (dir === 'read' && at >= 0x100) learnSriov(fn);
    if (isBridge(fn)) guest.bridges.add(fn);
    followPciexbar(guest.ecam, fn);
    return { guest, fn, dir, at, size, news: fn.version !== before };
  }

  #function(guest: KnownGuest, sbdf: number): KnownFunction | null {
    const known = guest.functions.get(sbdf);
    if (known !== undefined) return known;
    if (guest.functions.size >= FUNCTIONS || this.#count >= ALL_FUNCTIONS) return null;
    const fn = new KnownFunction(sbdf);
    this.#count++;
    guest.functions.set(sbdf, fn);
    guest.byBus.set(busOf(sbdf), [...(guest.byBus.get(busOf(sbdf)) ?? []), fn]);
    return fn;
  }
}

const newGuest = (domid: number): KnownGuest => ({
  domid,
  functions: new Map(),
  byBus: new Map(),
  bridges: new Set(),
  ecam: newEcamWindows(),
});

/** Known functions of a bus, in the order in which the guest found them. */
export const functionsOn = ({ byBus }: KnownGuest, bus: number): readonly KnownFunction[] =>
  byBus.get(bus) ?? [];

/** The known bridge that a bus stands behind; the first one found where several have the number. */
export function bridgeTo({ bridges }: KnownGuest, bus: number): KnownFunction | null {
  if (bus === 0) return null;
  for (const fn of bridges) if (secondaryOf(fn) === bus) return fn;
  return null;
}

function learnSize(fn: KnownFunction, dir: 'read' | 'write', register: AddressRegister, value: number): void {
  if (dir === 'read') {
    if (fn.sizing.has(register.at)) fn.sizes.set(register.at, value);
  } else if (isSizing(register, value)) fn.sizing.add(register.at);
  else fn.sizing.delete(register.at);
}

function learnSriov(fn: KnownFunction): void {
  if (fn.sriov !== null) return;
  const entry = walkExtended(fn).entries.find(({ id }) => id === extendedCapability.sriov);
  if (entry !== undefined) fn.sriov = entry.at;
}

/** Bits a write does not change, 0xff for none: type bits, and whatever no rule needs from writes. */
function readOnlyBits(fn: KnownFunction, at: number): number {
  if (at === reg.command) return 0xff & ~(command.io | command.memory | command.busMaster);
  const register = registerAt(fn, at);
  if (register !== null) return at === register.at ? register.typeBits : 0;
  if (fn.sriov !== null && SRIOV_WRITABLE.includes(at - fn.sriov)) return 0;
  if (fn.sbdf === 0 && at >= PCIEXBAR && at < PCIEXBAR + 8) return 0;
  if (fn.byte(reg.headerType) === null) return at >= reg.bar0 && at < 0x40 ? 0 : 0xff;
  if (!isBridge(fn)) return 0xff;
  if (TYPED_WINDOWS.has(at)) return 0x0f;
  return BRIDGE_WRITABLE.some(([first, last]) => at >= first && at <= last) ? 0 : 0xff;
}

const PCIEXBAR = 0x60;
/** Control, number of VFs. @source facts/arm-msi-iommu 8.3 */
const SRIOV_WRITABLE: readonly number[] = [0x08, 0x10, 0x11];
const BRIDGE_WRITABLE = [
  [reg.primaryBus, reg.subordinateBus],
  [reg.ioBase, reg.ioLimit],
  [reg.memoryBase, reg.ioLimitUpper + 1],
  [reg.bridgeControl, reg.bridgeControl + 1],
] as const;

/** Low nibbles of these say what kind of window it is. @source facts/q35-qemu 2.5 */
const TYPED_WINDOWS: ReadonlySet<number> = new Set([
  reg.ioBase,
  reg.ioLimit,
  reg.memoryBase,
  reg.memoryLimit,
  reg.prefBase,
  reg.prefLimit,
]);
