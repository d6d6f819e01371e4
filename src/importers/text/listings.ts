import { reg } from '../../pci/header.js';
import type { Out } from '../importer.js';
import type { PastedLine } from '../paste/line.js';
import type { Spoken } from '../paste/prefix.js';
import type { Facts } from './facts.js';
import { KnownConfig } from './known-config.js';
import type { LineReader } from './line-reader.js';
import { type Named, readName } from './names.js';
import { mmcfg } from './xen-lines.js';

const STORE = /^(\/[\w@./:-]*) = "(.*)"(?:\s+\(([nrwb\d,\s]+)\))?\s*$/;
/** The other spelling: names below each other, indented by one blank a level. */
const STORE_TREE = /^( *)([\w@./:-]+) = "(.*)"(?:\s*\.*\s*\(([nrwb\d,\s]+)\))?\s*$/;

/** Reads what `xenstore-ls` lists, with whole paths (`-f`) or as a tree. */
export class StoreLines implements LineReader {
  readonly kind = 'of xenstore-ls';
  readonly format = 'xenstore-ls';
  readonly #out: Out;
  /** Names above the line, by depth; only where a tree has begun. */
  #above: string[] = [];
  #isTree = false;

  constructor(out: Out) {
    this.#out = out;
  }

  take({ text }: PastedLine, { voice }: Spoken): boolean {
    if (voice !== null) return false;
    const whole = STORE.exec(text);
    if (whole !== null) {
      this.#changed(whole[1]!, whole[2]!, whole[3]);
      return true;
    }
    const tree = STORE_TREE.exec(text);
    if (tree === null) return false;
    const depth = tree[1]!.length;
    const isRoot = depth === 0 && /^(?:tool|local|vm|libxl)$/.test(tree[2]!);
    // `name = "value"` stands in many texts: a tree begins at one of XenStore's own roots.
    if (!isRoot && (!this.#isTree || depth === 0 || depth > this.#above.length)) return false;
    this.#isTree = true;
    this.#above = [...this.#above.slice(0, depth), tree[2]!];
    this.#changed(`/${this.#above.join('/')}`, tree[3]!, tree[4]);
    return true;
  }

  pause(): void {
    this.#above = [];
    this.#isTree = false;
  }

  #changed(path: string, value: string, perms: string | undefined): void {
    this.#out.event({
      kind: 'xenstore.changed',
      by: 'xenstored',
      origin: 'observed',
      data: { conn: 'listing', tx: 0, path, value, perms: perms?.replaceAll(' ', '') ?? 'n0' },
    });
  }
}

const RANGE = /^( *)([0-9a-f]{4,16})-([0-9a-f]{4,16}) : (.+)$/;
const MMCONFIG_RANGE = /^PCI (?:MMCONFIG|ECAM) ([0-9a-f]{4}) \[bus ([0-9a-f]{2})-([0-9a-f]{2})\]/i;
const ROOT_BUS = /^PCI Bus ([0-9a-f]{4,8}):([0-9a-f]{2})$/i;
const INTERRUPT = /^\s*(\d+):((?:\s+\d+)+)\s+(\S.*)$/;

/** Reads `/proc/iomem`, `/proc/ioports` and `/proc/interrupts`. */
export class ProcLines implements LineReader {
  readonly kind = 'of /proc';
  readonly format = 'proc';
  readonly #facts: Facts;
  #isInterrupts = false;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  take({ text }: PastedLine, { voice }: Spoken): boolean {
    if (voice !== null) return false;
    const range = RANGE.exec(text);
    if (range !== null) {
      this.#range(range);
      return true;
    }
    if (/^\s+CPU0(?:\s+CPU\d+)*\s*$/.test(text)) {
      this.#isInterrupts = true;
      return true;
    }
    const line = INTERRUPT.exec(text);
    if (line === null || !(this.#isInterrupts || /MSI|IO-APIC|xen-|GICv|ITS/.test(line[3]!))) return false;
    this.#facts.told({
      what: 'interrupt',
      of: 'linux',
      text: line[3]!.trim().slice(0, 400),
      details: {
        irq: Number(line[1]),
        count: line[2]!
          .trim()
          .split(/\s+/)
          .map(Number)
          .reduce((sum, one) => sum + one, 0),
      },
    });
    return true;
  }

  pause(): void {
    this.#isInterrupts = false;
  }

  #range([, blanks, first, last, owner]: RegExpExecArray): void {
    const facts = this.#facts;
    const [base, end] = [Number.parseInt(first!, 16), Number.parseInt(last!, 16)];
    if (!Number.isSafeInteger(end) || end < base) return;
    const space = first!.length === 4 ? 'io' : 'mem';
    const window = MMCONFIG_RANGE.exec(owner!);
    if (window !== null) {
      const [segment, busStart, busEnd] = window.slice(1, 4).map((word) => Number.parseInt(word, 16));
      mmcfg(facts, base - busStart! * 2 ** 20, segment!, busStart!, busEnd!);
    }
    const root = ROOT_BUS.exec(owner!);
    // A window of a host bridge stands below nothing else; without privileges all ranges read as 0.
    if (root !== null && blanks!.length <= 2 && root[2] === '00' && end > base) {
      const bridge = facts.out.segment(Number.parseInt(root[1]!, 16));
      if (bridge !== null) {
        const kind = space === 'io' ? 'io' : end < 2 ** 32 ? 'mem32' : 'mem64';
        const sizeBytes = end - base + 1;
        const place = { pciAddress: base, cpuAddress: base, sizeBytes };
        facts.fact({ is: 'window', bridge, window: { space: kind, prefetchable: false, ...place } });
      }
    }
    const device = readName(owner!);
    if (device !== null) facts.ofDevice('region', device, { text: space, details: { base, end } });
  }
}

const DOMAIN = /^(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+([r-][b-][p-][s-][c-][d-])\s+([\d.]+)/;
const INFO = /^(release|machine|xen_version|xen_commandline|xen_caps|total_memory)\s*:\s(.*)$/;
const SETTING =
  /^\s*(name|type|builder|pci|passthrough|device_model_version|device_model_override|memory|kernel|gfx_passthru|rdm|pci_permissive|pci_msitranslate|pci_power_mgmt|pci_seize|e820_host)\s*=\s*(.*)$/;

/** Reads tables of xl, and configuration files of guests. */
export class XlLines implements LineReader {
  readonly kind = 'of xl';
  readonly format = 'xl';
  readonly #facts: Facts;
  #guest: Record<string, string> = {};
  /** A list that goes on over several lines. */
  #open: string | null = null;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  take({ text }: PastedLine, { voice }: Spoken): boolean {
    if (voice !== null) return false;
    if (this.#open !== null) {
      this.#guest[this.#open] += ` ${text.trim()}`;
      if (text.includes(']') || this.#guest[this.#open]!.length > 4_000) this.#open = null;
      return true;
    }
    const domain = DOMAIN.exec(text);
    if (domain !== null) {
      const details = { memoryMiB: Number(domain[3]), vcpus: Number(domain[4]), state: domain[5]! };
      this.#facts.told({ what: 'domain', of: `d${domain[2]}`, text: domain[1]!.slice(0, 200), details });
      return true;
    }
    const info = INFO.exec(text);
    if (info !== null) return this.#info(info[1]!, info[2]!.trim());
    const setting = SETTING.exec(text);
    if (setting === null) return false;
    const [, name, value] = setting as unknown as [string, string, string];
    // In prose and shell scripts `name = …` stands too: a guest's settings are quoted, listed or numbers.
    if (!/^(?:["'[]|\d|0x)/.test(value)) return false;
    this.#guest[name] = value.trim();
    if (value.startsWith('[') && !value.includes(']')) this.#open = name;
    return true;
  }

  pause(why: 'blank' | 'break'): void {
    if (why === 'blank') return;
    this.#open = null;
    const guest = this.#guest;
    this.#guest = {};
    const value = (name: string): string | null => unquoted(guest[name] ?? null);
    const devices =
      guest['pci'] === undefined
        ? []
        : [...guest['pci'].matchAll(/['"]([^'"]+)['"]/g)].map(([, one]) => one!);
    if (guest['pci'] === undefined && guest['name'] === undefined) return;
    const type = value('type') ?? value('builder');
    this.#facts.told({
      what: 'guest',
      of: (value('name') ?? '').slice(0, 200),
      text: (type ?? '').slice(0, 200),
      details: {
        pci: devices.slice(0, 64).map((one) => one.slice(0, 400)),
        passthrough: value('passthrough'),
      },
    });
  }

  #info(name: string, value: string): boolean {
    const facts = this.#facts;
    switch (name) {
      case 'xen_version':
        facts.fact({ is: 'release', of: 'xen', release: value });
        return true;
      case 'xen_commandline':
        if (value !== '') facts.fact({ is: 'command-line', of: 'xen', text: value });
        return true;
      case 'machine':
        if (/^aarch64/.test(value)) facts.fact({ is: 'arch', arch: 'arm64' });
        return true;
      // The distribution's name of a kernel: its log tells the release it was made of.
      case 'release':
      case 'xen_caps':
      case 'total_memory':
        return true;
    }
    return false;
  }
}

const unquoted = (text: string | null): string | null => text?.replace(/^["']|["'].*$/g, '') ?? null;

const SYSFS_DEVICE =
  /^([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) driver=(\S*) irq=(-?\d+) enable=(\d+) msi=(.*)$/i;
const SYSFS_RESOURCE = /^\s+(0x[0-9a-f]{16}) (0x[0-9a-f]{16}) (0x[0-9a-f]{16})$/i;
const SYSFS_PATH = /^== (\/sys\/bus\/pci\/\S+)$/;
/** Flags of a resource. @source include/linux/ioport.h of Linux (IORESOURCE_IO, _MEM, _PREFETCH, _MEM_64) */
const IO = 0x100;
const MEM = 0x200;
const PREFETCH = 0x2000;
const MEM_64 = 0x10_0000;
/** Regions of a `resource` file: six BARs, then the ROM. */
const BARS = 6;

/** Reads listings of files below /sys/bus/pci: drivers, resources, what pciback keeps. */
export class SysfsLines implements LineReader {
  readonly kind = 'of sysfs';
  readonly format = 'sysfs';
  readonly #facts: Facts;
  #device: Named | null = null;
  #resource = 0;
  #path: string | null = null;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  take({ text }: PastedLine, { voice }: Spoken): boolean {
    if (voice !== null) return false;
    const head = SYSFS_DEVICE.exec(text);
    this.#path = SYSFS_PATH.exec(text)?.[1] ?? this.#path;
    const device = readName(head?.[1] ?? '');
    if (device !== null) {
      this.#path = null;
      this.#device = device;
      this.#resource = 0;
      const details = { driver: head![2]!, irq: Number(head![3]), enabled: Number(head![4]) };
      this.#facts.ofDevice('owner', device, { text: 'linux', details });
      return true;
    }
    const resource = SYSFS_RESOURCE.exec(text);
    if (resource !== null && this.#device !== null) {
      this.#region(this.#device, this.#resource++, resource.slice(1, 4).map(Number));
      return true;
    }
    if (this.#path === null) return false;
    const slot = readName(/^([0-9a-f:.]+)(?::|$)/i.exec(text.trim())?.[1]?.replace(/:$/, '') ?? '');
    if (slot !== null && this.#path.startsWith('/sys/bus/pci/drivers/pciback/'))
      this.#facts.ofDevice('owner', slot, { text: this.#path.slice(-80), details: { driver: 'pciback' } });
    return true;
  }

  pause(why: 'blank' | 'break'): void {
    if (why === 'blank') return;
    this.#device = null;
    this.#path = null;
  }

  #region(name: Named, index: number, [base, end, flags]: readonly number[]): void {
    if (index >= BARS || base === 0 || flags === undefined) return;
    const config = new KnownConfig();
    const isIo = (flags & IO) !== 0;
    if (!isIo && (flags & MEM) === 0) return;
    const isWide = (flags & MEM_64) !== 0;
    const type = isIo ? 1 : (isWide ? 4 : 0) + ((flags & PREFETCH) === 0 ? 0 : 8);
    config.tell(reg.bar0 + 4 * index, 4, (base! % 2 ** 32) + type);
    if (isWide && index < BARS - 1) config.tell(reg.bar0 + 4 * index + 4, 4, Math.floor(base! / 2 ** 32));
    this.#facts.function({ name, config });
    this.#facts.ofDevice('region', name, {
      text: isIo ? 'io' : 'mem',
      details: { base: base!, end: end!, bar: index },
    });
  }
}
