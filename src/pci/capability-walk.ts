/** Reads one register of the function that is looked at. */
type Read = (reg: number, sizeBytes: 1 | 2 | 4) => number;

/** Offset of a capability in the standard list, 0 when absent. At most 48 steps, so loops end. */
export function findCapability(read: Read, id: number): number {
  if ((read(0x06, 2) & 0x10) === 0) return 0;
  let at = read(0x34, 1) & ~3;
  for (let step = 0; step < 48 && at >= 0x40; step++) {
    const header = read(at, 2);
    if ((header & 0xff) === 0xff) return 0;
    if ((header & 0xff) === id) return at;
    at = (header >>> 8) & ~3;
  }
  return 0;
}

/** Offset of an extended capability, 0 when absent. At most 960 steps. */
export function findExtendedCapability(read: Read, id: number): number {
  let at = 0x100;
  for (let step = 0; step < 960 && at >= 0x100; step++) {
    const header = read(at, 4);
    if (header === 0 || header === 0xffff_ffff) return 0;
    if ((header & 0xffff) === id) return at;
    at = (header >>> 20) & ~3;
  }
  return 0;
}
