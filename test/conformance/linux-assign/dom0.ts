import type { CfgBase } from '../../../src/base/brand.js';
import { type FunctionId, functionId } from '../../../src/pci/function-id.js';
import { bdfOf, type Dom0Sbdf, parseSbdf } from '../../../src/pci/sbdf.js';
import { plainBridge } from '../../../src/platform/plain-bridge.js';
import { emptyPlatform, type Platform, type PlatformFunction } from '../../../src/platform/platform.js';
import type { RootBus } from './console.js';

/** What the kernel printed of one device when it found it. */
interface Found {
  readonly name: string;
  /** Register offset, first address, size, whether it spans two registers, its low bits. */
  readonly bars: { reg: number; start: number; size: number; wide: boolean; bits: number }[];
  /** Windows by kind, as firmware had left them. */
  readonly windows: { kind: 'io' | 'mem' | 'pref'; start: number; end: number }[];
  buses: readonly [number, number] | null;
}

const DEVICE = /^pci ([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]): (.*)$/;

/**
 * A machine as firmware left it, out of what a Dom0 printed when it scanned it: which registers there are, how large and
 * with which address; the rest of configuration space is that of a later `lspci -xxxx`.
 */
export function dom0Machine(
  messages: readonly string[],
  roots: readonly RootBus[],
  dumps: Readonly<Record<string, string>>,
): Platform {
  const functions = foundDevices(messages).flatMap((found): PlatformFunction[] => {
    const hex = dumps[found.name];
    const sbdf = parseSbdf<Dom0Sbdf>(found.name)!;
    if (hex === undefined) return [];
    const config = new Uint8Array(4096);
    config.set(Buffer.from(hex, 'hex'));
    const writeMask = new Uint8Array(4096);
    describe(found, new DataView(config.buffer), new DataView(writeMask.buffer));
    return [
      {
        function: functionId(0, bdfOf(sbdf)) as FunctionId,
        name: found.name,
        config,
        writeMask,
        clearMask: null,
        present: true,
      },
    ];
  });
  const bridges = roots.map((root) =>
    plainBridge({
      node: '/pcie',
      compatible: [],
      access: 'mmcfg' as const,
      cfgBase: 0xb000_0000 as CfgBase,
      busStart: root.busStart,
      busEnd: root.busEnd,
      windows: root.windows,
    }),
  );
  return { ...emptyPlatform, name: 'dom0', arch: 'x86_64', bridges, functions };
}

/** Lines up to the survey belong to the scan. */
function foundDevices(messages: readonly string[]): Found[] {
  const found: Record<string, Found> = {};
  for (const line of messages) {
    if (/max bus depth|: can't claim|add_size|: assigned$/.test(line)) break;
    const [, name = '', said = ''] = DEVICE.exec(line) ?? [];
    if (/^\[[0-9a-f]{4}:[0-9a-f]{4}\] type/.test(said))
      found[name] = { name, bars: [], windows: [], buses: null };
    const at = found[name];
    if (at === undefined) continue;
    const bar = /^(BAR (\d)|ROM|VF BAR (\d)) \[(io|mem) +0x([0-9a-f]+)-0x([0-9a-f]+)(.*)\]$/.exec(said);
    if (bar !== null) {
      const [, what, index, virtual, space, from, to, more = ''] = bar as unknown as string[];
      const wide = more.includes('64bit');
      const bits = space === 'io' ? 1 : (wide ? 4 : 0) | (more.includes('pref') ? 8 : 0);
      const start = Number.parseInt(from!, 16);
      const reg =
        what === 'ROM' ? 0x30 : virtual === undefined ? 0x10 + 4 * Number(index) : -1 - Number(virtual);
      at.bars.push({
        reg,
        start,
        size: Number.parseInt(to!, 16) - start + 1,
        wide,
        bits: what === 'ROM' ? 0 : bits,
      });
    }
    const buses = /^PCI bridge to \[bus ([0-9a-f]+)(?:-([0-9a-f]+))?\]/.exec(said);
    if (buses !== null)
      at.buses = [Number.parseInt(buses[1]!, 16), Number.parseInt(buses[2] ?? buses[1]!, 16)];
    const window = /^ {2}bridge window \[(io|mem) +0x([0-9a-f]+)-0x([0-9a-f]+)(.*)\]$/.exec(said);
    if (window !== null && !said.includes('subtractive')) {
      const [, kind, from, to, more] = window as unknown as string[];
      at.windows.push({
        kind: kind === 'io' ? 'io' : more!.includes('pref') ? 'pref' : 'mem',
        start: Number.parseInt(from!, 16),
        end: Number.parseInt(to!, 16),
      });
    }
  }
  return Object.values(found);
}

function describe(found: Found, config: DataView, mask: DataView): void {
  mask.setUint16(0x04, 0x0547, true);
  const isBridge = (config.getUint8(0x0e) & 0x7f) === 1;
  for (let reg = 0x10; reg <= (isBridge ? 0x14 : 0x24); reg += 4) config.setUint32(reg, 0, true);
  config.setUint32(isBridge ? 0x38 : 0x30, 0, true);
  const sriov = extendedCapability(config, 0x10);
  for (const { reg, start, size, wide, bits } of found.bars) {
    const at = reg === 0x30 && isBridge ? 0x38 : reg >= 0 ? reg : (sriov ?? 0xf00) + 0x24 + 4 * (-1 - reg);
    config.setUint32(at, (start % 2 ** 32) + bits, true);
    mask.setUint32(at, (2 ** 32 - Math.min(size, 2 ** 31)) >>> 0, true);
    if (reg === 0x30) mask.setUint8(at, 1);
    if (!wide) continue;
    config.setUint32(at + 4, Math.floor(start / 2 ** 32), true);
    mask.setUint32(at + 4, 0xffff_ffff, true);
  }
  if (sriov !== null) {
    config.setUint16(sriov + 0x10, 0, true);
    config.setUint16(sriov + 0x08, 0, true);
    mask.setUint16(sriov + 0x10, 0xffff, true);
    mask.setUint16(sriov + 0x08, 0x1f, true);
  }
  if (isBridge) describeBridge(found, config, mask);
}

function describeBridge(found: Found, config: DataView, mask: DataView): void {
  const [secondary, subordinate] = found.buses ?? [0, 0];
  config.setUint8(0x19, secondary);
  config.setUint8(0x1a, subordinate);
  mask.setUint32(0x18, 0x00ff_ffff, true);
  mask.setUint16(0x1c, 0xf0f0, true);
  mask.setUint32(0x20, 0xfff0_fff0, true);
  mask.setUint32(0x24, 0xfff0_fff0, true);
  mask.setUint32(0x28, 0xffff_ffff, true);
  mask.setUint32(0x2c, 0xffff_ffff, true);
  mask.setUint16(0x3e, 0x0fff, true);
  const of = (kind: Found['windows'][number]['kind']) => found.windows.find((one) => one.kind === kind);
  const io = of('io');
  const ioBits = config.getUint8(0x1c) & 0xf;
  config.setUint8(0x1c, (io === undefined ? 0xf0 : (io.start >> 8) & 0xf0) | ioBits);
  config.setUint8(0x1d, (io === undefined ? 0 : (io.end >> 8) & 0xf0) | ioBits);
  config.setUint32(0x30, 0, true);
  const megabytes = (one: { start: number; end: number } | undefined, at: number): void => {
    const bits = config.getUint16(at, true) & 0xf;
    config.setUint16(at, (one === undefined ? 0xfff0 : (one.start / 2 ** 16) & 0xfff0) | bits, true);
    config.setUint16(at + 2, (one === undefined ? 0 : (one.end / 2 ** 16) & 0xfff0) | bits, true);
  };
  megabytes(of('mem'), 0x20);
  const pref = of('pref');
  megabytes(pref, 0x24);
  config.setUint32(0x28, pref === undefined ? 0 : Math.floor(pref.start / 2 ** 32), true);
  config.setUint32(0x2c, pref === undefined ? 0 : Math.floor(pref.end / 2 ** 32), true);
}

function extendedCapability(config: DataView, id: number): number | null {
  for (let at = 0x100, left = 100; at >= 0x100 && left > 0; left--) {
    const head = config.getUint32(at, true);
    if ((head & 0xffff) === id) return at;
    at = (head >>> 20) & 0xffc;
  }
  return null;
}
