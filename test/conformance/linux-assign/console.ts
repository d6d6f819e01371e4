import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { HostWindow } from '../../../src/platform/platform.js';
import { isLinuxRelease, type LinuxRelease } from '../../../src/policy/releases.js';

/** A root bus as the console announced it. */
export interface RootBus {
  readonly busStart: number;
  readonly busEnd: number;
  readonly windows: readonly HostWindow[];
}

/** What a recorded guest printed, as far as PCI resources go. */
export interface Console {
  readonly linux: LinuxRelease;
  readonly roots: readonly RootBus[];
  /** Lines of Linux' PCI core about buses and resources, in order. */
  readonly core: readonly string[];
  /** By tag of the dump, then by device: driver and the lines of the file `resource`. */
  readonly files: Readonly<Record<string, Readonly<Record<string, ResourceFile>>>>;
}

export interface ResourceFile {
  readonly driver: string | null;
  readonly lines: readonly string[];
}

/** Null when the recording has no console. */
export function readConsole(folder: string): Console | null {
  const path = ['guest-console.txt', 'guest-console.txt.gz']
    .map((name) => join(folder, name))
    .find(existsSync);
  if (path === undefined) return null;
  const bytes = readFileSync(path);
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1').replaceAll('\r', '');
  const sections = sectionsOf(text);
  // The ring buffer has the lines below the console's level too; it is the last one that has them all.
  const log = sections.findLast(({ what }) => what === 'dmesg')?.lines ?? text.split('\n');
  const messages = log.flatMap((line) => /^\[ *\d+\.\d+\] (.*)$/.exec(line)?.[1] ?? []);
  return {
    linux: statedLinux(text),
    roots: rootsOf(messages),
    core: messages.filter((line) => isCoreLine(line)),
    files: Object.fromEntries(
      sections.filter(({ what }) => what === 'sysfs-resource').map(({ tag, lines }) => [tag, filesOf(lines)]),
    ),
  };
}

interface Section {
  readonly tag: string;
  readonly what: string;
  readonly lines: readonly string[];
}

const statedLinux = (text: string): LinuxRelease => {
  const stated = /Linux version \S+ .*Debian (\d+\.\d+\.\d+)/.exec(text)?.[1] ?? '';
  return isLinuxRelease(stated) ? stated : '6.1.192';
};

function sectionsOf(text: string): Section[] {
  return [...text.matchAll(/^@@BEGIN (\S+) (\S+)\n([\s\S]*?)^@@END \1 \2$/gm)].map(([, tag, what, body]) => ({
    tag: tag!,
    what: what!,
    lines: body!.split('\n').slice(0, -1),
  }));
}

export function filesOf(lines: readonly string[]): Record<string, ResourceFile> {
  const files: Record<string, { driver: string | null; lines: string[] }> = {};
  let at: string[] = [];
  for (const line of lines) {
    const head = /^(?:# )?(\S+) driver=(\S*)/.exec(line);
    if (head === null) at.push(line.trim());
    else {
      at = [];
      files[head[1]!] = { driver: head[2] === '' ? null : head[2]!, lines: at };
    }
  }
  return files;
}

const DEVICE = /^\S+ [0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]: (.*)$/;
const OF_CORE = [
  /^\[[0-9a-f]{4}:[0-9a-f]{4}\] type /,
  /^(BAR \d|ROM|VF BAR \d)[: ]/,
  /^bridge window /,
  /^ {2}bridge window /,
  /^PCI bridge to /,
  /^bridge configuration invalid/,
  /^bridge has subordinate/,
  /^resource \d+ .* released$/,
  /^disabling bridge window/,
  /^devices behind bridge are unusable/,
  /clipped to /,
  /^(No bus number available|Primary bus is hard wired)/,
];
const OF_BUS =
  /^pci_bus [0-9a-f:]+: (root bus resource|busn_res|resource \d|max bus depth|No\. \d|Some PCI device|Automatically)/;

/** About buses and resources; the numbers a quirk claims, links and drivers are another matter. */
export function isCoreLine(line: string): boolean {
  if (/^PCI: No\. \d/.test(line) || OF_BUS.test(line)) return true;
  const said = DEVICE.exec(line)?.[1];
  return said !== undefined && OF_CORE.some((pattern) => pattern.test(said));
}

const HEX = '0x([0-9a-f]+)';

export function rootsOf(messages: readonly string[]): RootBus[] {
  const roots: { busStart: number; busEnd: number; windows: HostWindow[] }[] = [];
  const byName: Record<string, (typeof roots)[number]> = {};
  let ranges: HostWindow[] = [];
  for (const line of messages) {
    if (/host bridge \S+ ranges:$/.test(line)) ranges = [];
    const range = new RegExp(`: +(IO|MEM) ${HEX}\\.\\.${HEX} -> ${HEX}$`).exec(line);
    if (range !== null) ranges.push(rangeWindow(range as unknown as string[]));
    const named = /^pci_bus (\S+): root bus resource \[(.*)\]( \(bus address .*)?$/.exec(line);
    if (named === null) continue;
    const [, name, what] = named as unknown as [string, string, string];
    if (byName[name] === undefined) {
      byName[name] = { busStart: Number.parseInt(name.slice(-2), 16), busEnd: 255, windows: [] };
      roots.push(byName[name]);
      byName[name].windows.push(...ranges);
    }
    const buses = /^bus ([0-9a-f]{2})(?:-([0-9a-f]{2}))?$/.exec(what);
    if (buses !== null) byName[name].busEnd = Number.parseInt(buses[2] ?? buses[1]!, 16);
    const window = new RegExp(`^(io|mem) +${HEX}-${HEX}(.*)$`).exec(what);
    if (window !== null) addWindow(byName[name], window as unknown as string[], ranges.length > 0);
  }
  return roots;
}

function rangeWindow([, kind, from, to, bus]: string[]): HostWindow {
  const cpuAddress = Number.parseInt(from!, 16);
  const pciAddress = Number.parseInt(bus!, 16);
  return {
    space: kind === 'IO' ? 'io' : pciAddress >= 2 ** 32 ? 'mem64' : 'mem32',
    prefetchable: false,
    pciAddress,
    cpuAddress,
    sizeBytes: Number.parseInt(to!, 16) - cpuAddress + 1,
  };
}

function addWindow(
  root: { windows: HostWindow[] },
  [, kind, from, to, more]: string[],
  hasRanges: boolean,
): void {
  const start = Number.parseInt(from!, 16);
  const sizeBytes = Number.parseInt(to!, 16) - start + 1;
  const prefetchable = more!.includes('pref');
  if (hasRanges) {
    // The device tree's own lines do not say what is prefetchable.
    root.windows = root.windows.map((one) =>
      one.space !== 'io' && one.cpuAddress === start && prefetchable ? { ...one, prefetchable } : one,
    );
    return;
  }
  const space = kind === 'io' ? 'io' : start >= 2 ** 32 ? 'mem64' : 'mem32';
  root.windows.push({ space, prefetchable, pciAddress: start, cpuAddress: start, sizeBytes });
}
