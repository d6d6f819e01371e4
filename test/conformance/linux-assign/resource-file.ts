import type { RowBuilder } from '../row.js';

/** Ports of a chipset's functions that a quirk of the kernel has put into their list. */
const QUIRKED = /^0x0000000000000[67]00 0x0000000000000[67][0-9a-f]{2} 0x0000000000000100$/;

/** A device's file `resource`, line by line to the end of the longer one. */
export function compareResources(
  row: RowBuilder,
  at: string,
  device: string,
  recorded: readonly string[],
  read: string,
): void {
  const lines = recorded.filter((line) => line !== '');
  const known = read.split('\n').filter((line) => line !== '');
  for (let i = 0; i < Math.max(lines.length, known.length); i++) {
    const line = lines[i] ?? null;
    if (line !== null && QUIRKED.test(line)) row.unmodelled('ports that a quirk of the chipset claims');
    else row.compare(at, `${device} line ${i}`, line, known[i] ?? null);
  }
}
