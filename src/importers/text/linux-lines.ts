import { barType, reg } from '../../pci/header.js';
import type { HostWindow } from '../../platform/platform.js';
import type { MachineFact } from '../importer.js';
import type { Facts } from './facts.js';
import { KnownConfig } from './known-config.js';
import { type Named, readName } from './names.js';
import { mmcfg } from './xen-lines.js';

const VERSION = /^Linux version (\S+)(?:.*?\bDebian (\d+\.\d+\.\d+))?/;
const COMMAND_LINE = /^(?:Kernel )?[Cc]ommand line: (.*)$/;
/** Said by kernels of guests only. */
const GUEST = /^DMI: Xen HVM domU|^pcifront |^Booting paravirtualized kernel on Xen (?:HVM|PVHVM)/;
const MMCONFIG =
  /^PCI: (?:MMCONFIG for domain ([0-9a-f]{4}) \[bus ([0-9a-f]{2})-([0-9a-f]{2})\] at \[mem 0x[0-9a-f]+-0x[0-9a-f]+\] \(base 0x([0-9a-f]+)\)|ECAM \[mem 0x[0-9a-f]+-0x[0-9a-f]+\] \(base 0x([0-9a-f]+)\) for domain ([0-9a-f]{4}) \[bus ([0-9a-f]{2})-([0-9a-f]{2})\])/i;
const ROOT = /^pci_bus ([0-9a-f]{4,8}):([0-9a-f]{2}): root bus resource (.*)$/i;
const OF_DEVICE = /^pci ([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]):\s+(.*)$/i;
const IDS = /^\[([0-9a-f]{4}):([0-9a-f]{4})\] type (\d{1,2}) class (?:0x)?([0-9a-f]{6})/i;
const BAR = /^(?:BAR (\d)|reg (?:0x)?([0-9a-f]{2})|(ROM)):? (\[(?:io|mem) .*)$/i;
const BUSES = /^PCI bridge to \[bus ([0-9a-f]{2})(?:-([0-9a-f]{2}))?\]/i;
const WINDOW = /^bridge window (\[(?:io|mem) .*)$/i;
const RANGE = /^\[(io|mem)\s+(?:0x)?([0-9a-f]+)-(?:0x)?([0-9a-f]+)( 64bit)?( pref)?/i;

/** Reads what Linux prints of the machine while it looks for devices: windows, functions, BARs, bridges. */
export class LinuxLines {
  readonly #facts: Facts;
  /** Bridges whose windows have been told: a kernel prints them again when it has moved them. */
  readonly #windows = new Set<string>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** What a kernel says of itself: whether it is a guest's shows some lines later. */
  #own: MachineFact[] = [];

  /** Another boot begins. */
  reset(): void {
    this.flush();
    this.#windows.clear();
    this.#facts.isGuest = false;
  }

  /** What waits for a word on whose kernel it is. */
  flush(): void {
    for (const fact of this.#own.splice(0)) this.#facts.fact(fact);
  }

  /** @returns Whether the line told anything. */
  take(text: string): boolean {
    const facts = this.#facts;
    const version = VERSION.exec(text);
    if (version !== null) {
      this.#own.push({ is: 'release', of: 'linux', release: releaseOf(version[1]!, version[2]) });
      if (/aarch64/i.test(text)) this.#own.push({ is: 'arch', arch: 'arm64' });
      return true;
    }
    const line = COMMAND_LINE.exec(text)?.[1];
    if (line !== undefined) {
      this.#own.push({ is: 'command-line', of: 'linux', text: line.trim() });
      return true;
    }
    if (GUEST.test(text)) facts.isGuest = true;
    if (!/^(?:pci|PCI: [ME])/.test(text)) return false;
    this.flush();
    const window = MMCONFIG.exec(text);
    if (window !== null) {
      const [base, segment, first, last] = (
        window[4] === undefined
          ? [window[5], window[6], window[7], window[8]]
          : [window[4], window[1], window[2], window[3]]
      ).map((word) => Number.parseInt(word!, 16));
      mmcfg(facts, base!, segment!, first!, last!);
      return true;
    }
    const root = ROOT.exec(text);
    if (root !== null) return this.#root(Number.parseInt(root[1]!, 16), root[3]!);
    const device = OF_DEVICE.exec(text);
    const name = readName(device?.[1] ?? '');
    return name !== null && this.#device(name, device![2]!);
  }

  #root(segment: number, text: string): boolean {
    const window = hostWindow(text);
    const bridge = window === null ? null : this.#facts.out.segment(segment);
    if (window === null || bridge === null) return false;
    this.#facts.fact({ is: 'window', bridge, window });
    return true;
  }

  #device(name: Named, text: string): boolean {
    const config = new KnownConfig();
    const ids = IDS.exec(text);
    const bar = BAR.exec(text);
    const buses = BUSES.exec(text);
    const window = WINDOW.exec(text);
    if (ids !== null) {
      config
        .tell(reg.vendorId, 2, Number.parseInt(ids[1]!, 16))
        .tell(reg.deviceId, 2, Number.parseInt(ids[2]!, 16))
        .tell(reg.headerType, 1, Number.parseInt(ids[3]!, 16), 0x7f)
        .tell(reg.classProg, 3, Number.parseInt(ids[4]!, 16));
    } else if (bar !== null) tellBar(config, bar);
    else if (buses !== null) {
      const [first, last] = [Number.parseInt(buses[1]!, 16), Number.parseInt(buses[2] ?? buses[1]!, 16)];
      if (this.#isAgain(`${name.text} buses`)) return true;
      config
        .tell(reg.headerType, 1, 1, 0x7f)
        .tell(reg.primaryBus, 1, name.bdf >> 8)
        .tell(reg.secondaryBus, 1, first)
        .tell(reg.subordinateBus, 1, last);
    } else if (window !== null) {
      const range = RANGE.exec(window[1]!);
      const kind = range?.[1] === 'io' ? 'io' : range?.[5] === undefined ? 'mem' : 'pref';
      if (this.#isAgain(`${name.text} ${kind}`)) return true;
      tellWindow(config, window[1]!);
    }
    if (config.isEmpty) return false;
    this.#facts.function({ name, config });
    return true;
  }

  #isAgain(what: string): boolean {
    if (this.#windows.has(what)) return true;
    this.#windows.add(what);
    return false;
  }
}

/** A distribution's kernel says its own release in front; the one it was made of stands behind. */
function releaseOf(own: string, debian: string | undefined): string {
  return debian ?? /^\d+\.\d+(?:\.\d+)?/.exec(own)?.[0] ?? own;
}

function hostWindow(text: string): HostWindow | null {
  const range = RANGE.exec(text);
  if (range === null) return null;
  const [base, end] = [Number.parseInt(range[2]!, 16), Number.parseInt(range[3]!, 16)];
  // Where the two sides count differently, the other address is told.
  const other = /\(bus address \[0x([0-9a-f]+)-/i.exec(text)?.[1];
  if (!Number.isSafeInteger(end) || end < base) return null;
  return {
    space: range[1]!.toLowerCase() === 'io' ? 'io' : end < 2 ** 32 ? 'mem32' : 'mem64',
    prefetchable: range[5] !== undefined || / pref\b/.test(text),
    pciAddress: other === undefined ? base : Number.parseInt(other, 16),
    cpuAddress: base,
    sizeBytes: end - base + 1,
  };
}

function tellBar(config: KnownConfig, bar: RegExpExecArray): void {
  const range = RANGE.exec(bar[4]!);
  if (range === null || /size|disabled|unset/.test(bar[4]!)) return;
  const at =
    bar[3] !== undefined
      ? reg.romBar
      : bar[1] !== undefined
        ? reg.bar0 + 4 * Number(bar[1])
        : Number.parseInt(bar[2]!, 16);
  const base = Number.parseInt(range[2]!, 16);
  if (at === reg.romBar || at === reg.bridgeRomBar) {
    // Whether the ROM is decoded the line does not say. A bridge has its ROM register elsewhere.
    if (bar[3] === undefined) config.tell(at, 4, base, 0xffff_f800);
    return;
  }
  if (at > reg.bar0 + 20) return;
  if (range[1]!.toLowerCase() === 'io') {
    config.tell(at, 4, base + barType.io);
    return;
  }
  const isWide = range[4] !== undefined;
  const type = (isWide ? barType.memory64 : 0) + (range[5] === undefined ? 0 : barType.prefetchable);
  config.tell(at, 4, (base % 2 ** 32) + type);
  if (isWide) config.tell(at + 4, 4, Math.floor(base / 2 ** 32));
}

function tellWindow(config: KnownConfig, text: string): void {
  const range = RANGE.exec(text);
  if (range === null || /size|disabled/.test(text)) return;
  const [base, end] = [Number.parseInt(range[2]!, 16), Number.parseInt(range[3]!, 16)];
  if (range[1]!.toLowerCase() === 'io') {
    config.tell(reg.ioBase, 1, base >>> 8, 0xf0).tell(reg.ioLimit, 1, end >>> 8, 0xf0);
    return;
  }
  const isPrefetchable = range[5] !== undefined;
  const low = (value: number): number => Math.floor(value / 0x1_0000) % 0x1_0000;
  config.tell(isPrefetchable ? reg.prefBase : reg.memoryBase, 2, low(base), 0xfff0);
  config.tell(isPrefetchable ? reg.prefLimit : reg.memoryLimit, 2, low(end), 0xfff0);
  if (!isPrefetchable || range[4] === undefined) return;
  config.tell(reg.prefBaseUpper, 4, Math.floor(base / 2 ** 32));
  config.tell(reg.prefLimitUpper, 4, Math.floor(end / 2 ** 32));
}
