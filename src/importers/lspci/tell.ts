import { barType } from '../../pci/header.js';
import type { KnownConfig } from '../text/known-config.js';
import { bitsOf, type Flags, flagsIn } from './flags.js';

/** A capability in the list: where it is, what it is (null: the name is not known), its version if it has one. */
export interface Place {
  readonly at: number;
  readonly id: number | null;
  readonly version: number | null;
}

/** A BAR as its line says it. `[virtual]`: the register has nothing of what the kernel knows. */
export function decodeRegion(config: KnownConfig, at: number, text: string): void {
  const io = /^I\/O ports at ([0-9a-f]+)\b/i.exec(text);
  const memory = /^Memory at ([0-9a-f]+) \((32-bit|64-bit|low-1M), (non-)?prefetchable\)/i.exec(text);
  if (/\[virtual\]|<ignored>|<unassigned>/.test(text)) return;
  if (io !== null) config.tell(at, 4, Number.parseInt(io[1]!, 16) + barType.io);
  if (memory === null) return;
  const type = { '32-bit': 0, 'low-1m': 2, '64-bit': barType.memory64 }[memory[2]!.toLowerCase()] ?? 0;
  const base = Number.parseInt(memory[1]!, 16);
  config.tell(at, 4, (base % 2 ** 32) + type + (memory[3] === undefined ? barType.prefetchable : 0));
  if (type === barType.memory64) config.tell(at + 4, 4, Math.floor(base / 2 ** 32));
}

/** Bits of a register by the names that stand before their signs. */
export function tellFlags(
  config: KnownConfig,
  at: number,
  sizeBytes: number,
  text: string,
  flags: Flags,
): void {
  const { value, bits } = bitsOf(flagsIn(text), flags);
  config.tell(at, sizeBytes, value, bits);
}
