import type { X86Facts } from '../../../src/platform/platform.js';

/** What Xen's own log of a run says about the machine it ran on. */
export interface ConsoleFacts {
  readonly release: string | null;
  readonly isPvh: boolean;
  readonly isIommuOn: boolean;
  /** Xen gave up the interrupt of its serial port, which lets go of its GSI. */
  readonly isPolling: boolean;
  readonly quarantine: 'basic' | 'scratch-page' | 'none';
  readonly windows: readonly { base: number; segment: number; first: number; last: number }[];
  readonly x86: X86Facts;
}

const numbers = (text: string, expression: RegExp): number[][] =>
  [...text.matchAll(expression)].map((match) => match.slice(1).map((field) => Number.parseInt(field, 10)));

/** Reads boot messages and debug-key dumps. What they do not say is what a Xen without options does. */
export function consoleFacts(log: string, dumps: string): ConsoleFacts {
  const release = /Xen version (\d+\.\d+(?:\.\d+)?)/.exec(log)?.[1] ?? null;
  const commandLine = /Command line: (.*)/.exec(log)?.[1] ?? '';
  const iommu = /(?:^|\s)iommu=(\S*)/.exec(commandLine)?.[1] ?? '';
  const ioapics = [
    ...log.matchAll(/IOAPIC\[\d+\]: apic_id (\d+), version (\d+), address (0x[0-9a-f]+), GSI (\d+)-(\d+)/g),
  ].map(([, id, version, address, first, last]) => ({
    id: Number(id),
    version: Number(version),
    address: Number(address),
    gsiBase: Number(first),
    pins: Number(last) - Number(first) + 1,
  }));
  const limit = numbers(log, /IRQ limits: (\d+) GSI, (\d+) MSI/g)[0];
  // A log cut at warnings has the limits only, if anything.
  if (ioapics.length === 0)
    ioapics.push({ id: 0, version: 0x20, address: 0xfec0_0000, gsiBase: 0, pins: limit?.[0] ?? 24 });
  const gsis = Math.max(16, ...ioapics.map(({ gsiBase, pins }) => gsiBase + pins));
  const nrIrqs = limit === undefined ? 416 : limit[0]! + limit[1]!;
  const extra = /(?:^|\s)extra_guest_irqs=(\d*)/.exec(commandLine)?.[1];
  return {
    release,
    isPvh: /(?:^|\s)dom0=\S*pvh/.test(commandLine),
    isPolling: /uart interrupt taking more than .*switched to polling/.test(log),
    isIommuOn: log.includes('I/O virtualisation enabled'),
    quarantine: iommu.includes('quarantine=scratch-page')
      ? 'scratch-page'
      : /no-quarantine|quarantine=(no|off|false|0)/.test(iommu)
        ? 'none'
        : 'basic',
    windows: [
      ...log.matchAll(
        /MCFG configuration \d+: base ([0-9a-f]+) segment ([0-9a-f]+) buses ([0-9a-f]+) - ([0-9a-f]+)/g,
      ),
    ].map(([, base, segment, first, last]) => ({
      base: Number.parseInt(base!, 16),
      segment: Number.parseInt(segment!, 16),
      first: Number.parseInt(first!, 16),
      last: Number.parseInt(last!, 16),
    })),
    x86: {
      ioapics,
      nrIrqs,
      hardwareDomainPirqs: numbers(log, /d0 has maximum (\d+) PIRQs/g)[0]?.[0] ?? nrIrqs,
      extraGuestIrqs: extra === undefined || extra === '' ? 32 : Number(extra),
      interruptRemapping: log.includes('Interrupt remapping enabled'),
      msi: !/(?:^|\s)(?:no-msi|msi=(?:no|off|false|0))(?:\s|$)/.test(commandLine),
      ownIrqs: ownIrqs(commandLine, dumps, gsis),
      ownPorts: [],
      addressBits: numbers(log, /Host address width (\d+)/g)[0]?.[0] ?? 40,
    },
  };
}

/** GSIs with a handler of Xen's own: by the dump of the interrupt key, else the timer's and the console's usual ones. */
function ownIrqs(commandLine: string, dumps: string, gsis: number): number[] {
  const dumped = [...dumps.matchAll(/IRQ: +(\d+) vec:\S+ +.*\.c#\w+\(\)/g)].map((match) => Number(match[1]));
  const usual = [0];
  for (const [, port, config] of commandLine.matchAll(/(?:^|\s)com([12])=(\S*)/g)) {
    const stated = config!.split(',')[3];
    usual.push(stated === undefined || stated === '' ? (port === '1' ? 4 : 3) : Number(stated));
  }
  return [...new Set([...usual, ...dumped])].filter((irq) => irq < gsis).sort((a, b) => a - b);
}
