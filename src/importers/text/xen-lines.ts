import type { CfgBase } from '../../base/brand.js';
import { plainBridge } from '../../platform/plain-bridge.js';
import type { IoApic, IommuUnit, ReservedRegion, X86Facts } from '../../platform/platform.js';
import type { Facts } from './facts.js';
import { KnownConfig } from './known-config.js';
import { readName } from './names.js';

const DEVICE = String.raw`([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])`;
const found = (pattern: string): RegExp => new RegExp(pattern, 'i');

const VERSION = /^\s*Xen version (\d+\.\d+(?:\.\d+)?)/;
const COMMAND_LINE = /^Command line: (.*)$/;
const MCFG =
  /^PCI: MCFG configuration \d+: base ([0-9a-f]+) segment ([0-9a-f]{4}) buses ([0-9a-f]{2}) - ([0-9a-f]{2})/i;
const IOAPIC = /^IOAPIC\[\d+\]: apic_id (\d+), version (\d+), address (0x[0-9a-f]+), GSI (\d+)-(\d+)/i;
const IRQ_LIMITS = /^IRQ limits: (\d+) GSI, (\d+) MSI/;
const DOM0_PIRQS = /^Dom0 has maximum (\d+) PIRQs/;
const ADDED = found(`^PCI add (?:virtual function|device) ${DEVICE}`);
const REMAPPING =
  /Interrupt [Rr]emapping (enabled|disabled|not enabled)|^Intel VT-d Interrupt Remapping (enabled|disabled)/;
const DRHD = /found ACPI_DMAR_DRHD:/;
const RMRR = /found ACPI_DMAR_RMRR:/;
const TABLE = /found ACPI_DMAR_\w+:/;
const UNIT_BASE = /dmaru->address = ([0-9a-f]+)/i;
const SCOPE = found(`(endpoint|bridge|IOAPIC|MSI HPET): ${DEVICE}`);
const INCLUDE_ALL = /flags: INCLUDE_ALL/;
const REGION = /RMRR region: base_addr ([0-9a-f]+) end_addr ([0-9a-f]+)|RMRR: \[([0-9a-f]+), ?([0-9a-f]+)\]/i;
/** Debug key Q: who has which function. */
const OWNER = found(
  `^${DEVICE} - (?:dom (\\d+)|d(\\d+|\\[\\w+\\]|\\w+)|DomIO|dom_io)\\s*-?(?: node (-?\\d+))?`,
);
/** Debug key M: an MSI. */
const MSI_LINE = /^\s*(MSI|MSI-X|HPET)\s+(\d+)\s+vec=([0-9a-f]{2})/;
/** Debug key i: an interrupt. */
const IRQ_LINE = /^\s*IRQ:\s*(\d+)\s+(?:affinity:\S+\s+)?vec:\s*([0-9a-f]{2})/;

/** Reads Xen's lines about the machine: what it found when it booted, and what its debug keys list. */
export class XenLines {
  readonly #facts: Facts;
  readonly #ioapics: IoApic[] = [];
  readonly #regions: { base: number; end: number; segment: number; devices: number[] }[] = [];
  readonly #units: { -readonly [Name in keyof IommuUnit]: IommuUnit[Name] }[] = [];
  readonly #limits: { -readonly [Name in keyof X86Facts]?: X86Facts[Name] } = {};
  /** The table entry whose lines come. */
  #entry: 'unit' | 'region' | null = null;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** @returns Whether the line told anything. */
  take(text: string): boolean {
    return (
      this.#boot(text) || this.#dmar(text.replace(/^\[VT-D\]\s?(?:\w+\.c:\d+:)?/, '')) || this.#keys(text)
    );
  }

  /** What can be said only when all of its lines have come. */
  flush(): void {
    const facts: Partial<X86Facts> = {
      ...this.#limits,
      ...(this.#ioapics.length === 0 ? {} : { ioapics: [...this.#ioapics] }),
      ...(this.#units.length === 0 ? {} : { iommuUnits: this.#units.map((unit) => ({ ...unit })) }),
      ...(this.#regions.length === 0
        ? {}
        : { reservedRegions: this.#regions as unknown as ReservedRegion[] }),
    };
    if (Object.keys(facts).length > 0) this.#facts.fact({ is: 'x86', facts });
    this.reset();
  }

  /** Another boot begins. */
  reset(): void {
    this.#ioapics.length = 0;
    this.#regions.length = 0;
    this.#units.length = 0;
    this.#entry = null;
    for (const name of Object.keys(this.#limits) as (keyof X86Facts)[]) delete this.#limits[name];
  }

  #boot(text: string): boolean {
    const facts = this.#facts;
    const version = VERSION.exec(text)?.[1];
    if (version !== undefined) facts.fact({ is: 'release', of: 'xen', release: version });
    const line = COMMAND_LINE.exec(text)?.[1];
    if (line !== undefined) {
      facts.fact({ is: 'command-line', of: 'xen', text: line.trim() });
      const guests = /(?:^|\s)extra_guest_irqs=(\d+)/.exec(line)?.[1];
      if (guests !== undefined) this.#limits.extraGuestIrqs = Number(guests);
      if (/(?:^|\s)msi=(?:0|off|no|false)\b/.test(line)) this.#limits.msi = false;
    }
    const window = MCFG.exec(text);
    if (window !== null) {
      const [base, segment, busStart, busEnd] = window.slice(1, 5).map((word) => Number.parseInt(word, 16));
      mmcfg(facts, base!, segment!, busStart!, busEnd!);
    }
    const apic = IOAPIC.exec(text)?.slice(1).map(Number);
    if (apic !== undefined) {
      const [id, version_, address, gsiBase, last] = apic as [number, number, number, number, number];
      if (last >= gsiBase && last - gsiBase < 256 && this.#ioapics.length < 256)
        this.#ioapics.push({ id, version: version_, address, gsiBase, pins: last - gsiBase + 1 });
    }
    const limits = IRQ_LIMITS.exec(text)?.slice(1).map(Number);
    if (limits !== undefined) this.#limits.nrIrqs = limits[0]! + limits[1]!;
    const pirqs = DOM0_PIRQS.exec(text)?.[1];
    if (pirqs !== undefined) this.#limits.hardwareDomainPirqs = Number(pirqs);
    const remapping = REMAPPING.exec(text);
    if (remapping !== null) this.#limits.interruptRemapping = (remapping[1] ?? remapping[2]) === 'enabled';
    const added = readName(ADDED.exec(text)?.[1] ?? '');
    if (added !== null) facts.function({ name: added, config: new KnownConfig() });
    return [version, line, window, apic, limits, pirqs, remapping, added].some((one) => one != null);
  }

  #dmar(text: string): boolean {
    if (TABLE.test(text)) {
      this.#entry = DRHD.test(text) ? 'unit' : RMRR.test(text) ? 'region' : null;
      if (this.#entry === 'unit' && this.#units.length < 1024)
        this.#units.push({ model: 'vt-d', segment: 0, base: 0, includesAll: false, devices: [] });
      // The region itself is told behind the functions of its scope.
      if (this.#entry === 'region' && this.#regions.length < 1024)
        this.#regions.push({ segment: 0, base: 0, end: 0, devices: [] });
      return true;
    }
    const entry =
      this.#entry === 'unit'
        ? this.#units.at(-1)
        : this.#entry === 'region'
          ? this.#regions.at(-1)
          : undefined;
    const base = UNIT_BASE.exec(text)?.[1];
    if (base !== undefined && this.#entry === 'unit') this.#units.at(-1)!.base = Number.parseInt(base, 16);
    const scope = SCOPE.exec(text);
    const device = readName(scope?.[2] ?? '');
    if (device !== null && entry !== undefined && /endpoint|bridge/i.test(scope![1]!)) {
      entry.segment = device.segment;
      (entry.devices as number[]).push(device.bdf);
    }
    if (INCLUDE_ALL.test(text) && this.#entry === 'unit') this.#units.at(-1)!.includesAll = true;
    const region = REGION.exec(text);
    if (region !== null) {
      // A report often has the line without those before it: the region is known then, its functions are not.
      if (this.#entry !== 'region' || this.#regions.at(-1)!.end !== 0)
        this.#regions.push({ segment: 0, base: 0, end: 0, devices: [] });
      const last = this.#regions.at(-1)!;
      last.base = Number.parseInt(region[1] ?? region[3]!, 16);
      last.end = Number.parseInt(region[2] ?? region[4]!, 16);
    }
    return base !== undefined || (device !== null && entry !== undefined) || region !== null;
  }

  #keys(text: string): boolean {
    const owner = OWNER.exec(text);
    const device = readName(owner?.[1] ?? '');
    if (device !== null) {
      const who = owner![2] ?? owner![3] ?? 'IO';
      this.#facts.ofDevice('owner', device, { text: /^\d+$/.test(who) ? `d${who}` : who });
      return true;
    }
    const [, kind, irq, vector] = MSI_LINE.exec(text) ?? [
      '',
      'IRQ',
      ...(IRQ_LINE.exec(text)?.slice(1) ?? []),
    ];
    if (irq === undefined || vector === undefined) return false;
    this.#facts.told({
      what: 'interrupt',
      of: 'xen',
      text: text.trim().slice(0, 400),
      details: { kind: kind!, irq: Number(irq), vector: Number.parseInt(vector, 16) },
    });
    return true;
  }
}

/** A window of a PC's configuration space, as MCFG and whoever printed it have it: `base` is that of bus 0. */
export function mmcfg(facts: Facts, base: number, segment: number, busStart: number, busEnd: number): void {
  if (!Number.isSafeInteger(base) || base <= 0 || busEnd < busStart || segment > 0xffff) return;
  facts.out.bridge({
    ...plainBridge({
      node: `PCI${segment}`,
      compatible: [],
      access: 'mmcfg',
      cfgBase: (base + busStart * 2 ** 20) as CfgBase,
      busStart,
      busEnd,
      windows: [],
    }),
    cfgSizeBytes: (busEnd - busStart + 1) * 2 ** 20,
    pciDomain: segment,
  });
}
