import type { Actor } from '../../events/catalogue.js';
import type { FunctionId } from '../../pci/function-id.js';
import type { Platform, PlatformFunction } from '../../platform/platform.js';
import type { Context } from '../context.js';
import { bridgeAnswers } from './bridge-init.js';

const functionTables = new WeakMap<Platform, ReadonlyMap<FunctionId, PlatformFunction>>();

/** The platform's description of a function; undefined when the platform never has one there. O(1). */
export function describeFunction(platform: Platform, id: FunctionId): PlatformFunction | undefined {
  let table = functionTables.get(platform);
  if (table === undefined) {
    table = new Map(platform.functions.map((fn) => [fn.function, fn]));
    functionTables.set(platform, table);
  }
  return table.get(id);
}

/** All ones of an access size: what an absent function reads as. */
export const allOnes = (sizeBytes: number): number =>
  sizeBytes >= 4 ? 0xffff_ffff : (1 << (8 * sizeBytes)) - 1;

const imageDword = (bytes: Uint8Array | null, reg: number): number =>
  bytes === null || reg + 3 >= bytes.length
    ? 0
    : (bytes[reg]! | (bytes[reg + 1]! << 8) | (bytes[reg + 2]! << 16) | (bytes[reg + 3]! << 24)) >>> 0;

/** The aligned dword at `reg` of a present function. Beyond its configuration space reads as all ones. */
function dword(context: Pick<Context, 'state'>, fn: PlatformFunction, reg: number): number {
  if (reg >= fn.config.length) return 0xffff_ffff;
  return context.state.hw.config[fn.function]?.[reg] ?? imageDword(fn.config, reg);
}

/** What hardware answers to a read that reached `id`; all ones when nothing is there. The access may cross a dword. */
export function readConfig(
  context: Pick<Context, 'state' | 'env'>,
  id: FunctionId,
  reg: number,
  sizeBytes: number,
): number {
  return isHung(context, id) ? allOnes(sizeBytes) : heldConfig(context, id, reg, sizeBytes);
}

const isHung = ({ state }: Pick<Context, 'state'>, id: FunctionId): boolean => state.hw.hung?.[id] === 'now';

/**
 * What the registers of a function hold, though it may not answer at the moment: what software that has read it before
 * remembers of what never changes.
 */
export function heldConfig(
  context: Pick<Context, 'state' | 'env'>,
  id: FunctionId,
  reg: number,
  sizeBytes: number,
): number {
  const fn = describeFunction(context.env.platform, id);
  if (fn === undefined || context.state.hw.present[id] === undefined) return allOnes(sizeBytes);
  if (!bridgeAnswers(context.state, context.env, id)) return allOnes(sizeBytes);
  const lane = reg & 3;
  if (lane + sizeBytes <= 4) {
    const whole = dword(context, fn, reg - lane);
    return sizeBytes === 4 ? whole : (whole >>> (8 * lane)) & allOnes(sizeBytes);
  }
  let value = 0;
  for (let i = 0; i < sizeBytes; i++) {
    const at = reg + i;
    value += ((dword(context, fn, at & ~3) >>> (8 * (at & 3))) & 0xff) * 2 ** (8 * i);
  }
  return value;
}

/**
 * A write that reached `id`: writable bits take the data, write-1-to-clear bits clear, the rest stays. Emits
 * `config.changed` for every dword whose value changed; an absent function swallows the write.
 * @source facts/q35-qemu 1.2 (the same byte rule real functions follow)
 */
export function writeConfig(
  context: Context,
  by: Actor,
  id: FunctionId,
  reg: number,
  sizeBytes: number,
  value: number,
): void {
  const fn = describeFunction(context.env.platform, id);
  if (fn === undefined || context.state.hw.present[id] === undefined || isHung(context, id)) return;
  if (!bridgeAnswers(context.state, context.env, id)) return;
  for (let aligned = reg & ~3; aligned < reg + sizeBytes && aligned < fn.config.length; aligned += 4) {
    let lanes = 0;
    let data = 0;
    for (let lane = 0; lane < 4; lane++) {
      const i = aligned + lane - reg;
      if (i < 0 || i >= sizeBytes) continue;
      lanes |= 0xff << (8 * lane);
      data |= (Math.floor(value / 2 ** (8 * i)) & 0xff) << (8 * lane);
    }
    const old = dword(context, fn, aligned);
    const writable = imageDword(fn.writeMask, aligned) & lanes;
    const clear = imageDword(fn.clearMask, aligned) & lanes & data;
    const next = (((old & ~writable) | (data & writable)) & ~clear) >>> 0;
    if (next !== old) context.emit(by, 'config.changed', { function: id, reg: aligned, value: next });
  }
}
