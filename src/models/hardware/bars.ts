import type { FunctionId } from '../../pci/function-id.js';
import type { Context } from '../context.js';
import { describeFunction, readConfig } from './config-space.js';

type View = Pick<Context, 'state' | 'env'>;

/** The range behind a BAR or expansion ROM. */
export interface Resource {
  /** First byte, host physical; 0 when unset. */
  readonly start: number;
  /** 0 when the function has none there. */
  readonly sizeBytes: number;
  /** The low bits of the register: I/O 1, memory type 4 (64-bit), prefetchable 8. */
  readonly lowBits: number;
  /** Upper half of the 64-bit BAR before it. */
  readonly isUpperHalf: boolean;
}

/**
 * Ranges of a function by the offset of their registers; sizes come from the bits software can change.
 *
 * @param source Where registers are read: what answers now, or what a kernel remembers.
 * @source facts/dom0 5.3
 * @cost O(1)
 */
export function rangesOf(
  view: View,
  fn: FunctionId,
  source: typeof readConfig = readConfig,
): Readonly<Record<number, Resource>> {
  const mask = describeFunction(view.env.platform, fn)?.writeMask ?? null;
  const read = (reg: number, sizeBytes: number): number => source(view, fn, reg, sizeBytes);
  const writable = (reg: number): number =>
    mask === null
      ? 0
      : (mask[reg]! | (mask[reg + 1]! << 8) | (mask[reg + 2]! << 16) | (mask[reg + 3]! << 24)) >>> 0;
  const type = read(0x0e, 1) & 0x7f;
  const result: Record<number, Resource> = {};
  const last = type === 0 ? 0x24 : 0x14;
  for (let reg = 0x10; reg <= last; reg += 4) {
    const value = read(reg, 4);
    const isPort = (value & 1) === 1;
    const lowBits = isPort ? 1 : value & 0xf;
    const bits = (writable(reg) & (isPort ? ~3 : ~0xf)) >>> 0;
    if (bits === 0 && !(lowBits === 4 || lowBits === 0xc)) continue;
    if (!isPort && (value & 6) === 4 && reg < last) {
      const upper = read(reg + 4, 4);
      const start = upper * 0x1_0000_0000 + ((value & ~0xf) >>> 0);
      const sizeBytes = sizeOf(bits, writable(reg + 4));
      result[reg] = { start, sizeBytes, lowBits, isUpperHalf: false };
      result[reg + 4] = { start, sizeBytes, lowBits: 0, isUpperHalf: true };
      reg += 4;
    } else {
      const start = (value & (isPort ? ~3 : ~0xf)) >>> 0;
      result[reg] = { start, sizeBytes: sizeOf(bits, 0), lowBits, isUpperHalf: false };
    }
  }
  const romAt = type === 0 ? 0x30 : 0x38;
  const romBits = (writable(romAt) & 0xffff_f800) >>> 0;
  if (romBits !== 0) {
    const value = read(romAt, 4);
    const start = (value & 0xffff_f800) >>> 0;
    result[romAt] = { start, sizeBytes: sizeOf(romBits, 0), lowBits: value & 1, isUpperHalf: false };
  }
  return result;
}

/** The lowest writable bit is the size; ports decode 16 or 32 bits, the lowest one counts either way. */
function sizeOf(low: number, high: number): number {
  if (low !== 0) return (low & -low) >>> 0;
  return high === 0 ? 0 : ((high & -high) >>> 0) * 0x1_0000_0000;
}

/** What decodes an address. */
export interface Decoded {
  readonly function: FunctionId;
  /** Offset of the register for the range. */
  readonly bar: number;
  readonly offset: number;
}

const DECODES = { port: 1, memory: 2 } as const;
const COMMAND = 0x04;
const EXPANSION_ROMS = [0x30, 0x38];

/**
 * The function that answers at a machine address or port: present, decoding switched on, a range there. Bridges on the
 * way are taken to forward it. Null: nobody.
 * @cost O(functions of the machine)
 */
export function decoderOf(view: View, space: 'memory' | 'port', address: number): Decoded | null {
  for (const { function: fn } of view.env.platform.functions) {
    if (view.state.hw.present[fn] === undefined) continue;
    if ((readConfig(view, fn, COMMAND, 2) & DECODES[space]) === 0) continue;
    for (const [key, range] of Object.entries(rangesOf(view, fn))) {
      const bar = Number(key);
      const isRom = EXPANSION_ROMS.includes(bar);
      if (range.isUpperHalf || (isRom && (range.lowBits & 1) === 0)) continue;
      const isPort = !isRom && (range.lowBits & 1) === 1;
      if (isPort !== (space === 'port') || range.start === 0) continue;
      const offset = address - range.start;
      if (offset >= 0 && offset < range.sizeBytes) return { function: fn, bar, offset };
    }
  }
  return null;
}
