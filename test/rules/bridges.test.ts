import { describe, expect, it } from 'vitest';
import { Guest } from './guest.js';

const PORT = 0xe0;

/** A guest that finds a bridge at 00:1c.0 and then writes the given registers: rules that speak. */
function found(writes: readonly (readonly [reg: number, size: number, value: number])[]): string[] {
  const guest = new Guest();
  guest.find(PORT, 1);
  for (const [reg, size, value] of writes) guest.write(PORT, reg, size, value);
  return guest.found().map((line) => line.slice(0, 7));
}

describe('bus numbers', () => {
  it('may be out of order while they are written byte by byte, secondary first (facts/q35-qemu 7)', () => {
    expect(
      found([
        [0x18, 1, 0],
        [0x19, 1, 3],
        [0x1a, 1, 0xff],
        [0x04, 2, 7],
      ]),
    ).toEqual([]);
  });

  it('are judged once the guest goes on', () => {
    expect(
      found([
        [0x19, 1, 3],
        [0x1a, 1, 2],
        [0x04, 2, 7],
      ]),
    ).toEqual(['BRG-004']);
  });

  it('cost no more memory when a guest varies them', () => {
    const writes = Array.from({ length: 6000 }, (_, i) => {
      const secondary = 1 + (i % 255);
      const subordinate = Math.floor(i / 255) % Math.max(1, secondary);
      return [0x18, 4, subordinate * 0x1_0000 + secondary * 0x100] as const;
    });
    expect(found(writes).filter((rule) => rule === 'BRG-004').length).toBeLessThanOrEqual(4096);
    expect(found(writes.slice(0, 100)).length).toBe(100);
  });
});
