import type { QemuMachine } from '../machine.js';
import { get8 } from '../registers.js';
import type { FunctionState } from '../state.js';

/** Shadow RAM: area 0 is 0xf0000-0xfffff, areas 1 to 12 are 16 KiB each from 0xc0000. */
const PAM_AREAS = 13;

/** Area of an address below 1 MiB; null outside 0xc0000-0xfffff. */
export function pamArea(address: number): number | null {
  if (address < 0xc_0000 || address > 0xf_ffff) return null;
  return address >= 0xf_0000 ? 0 : 1 + ((address - 0xc_0000) >>> 14);
}

/** Attributes of every area: register 0's high nibble is area 0, then two areas per register, low nibble first. */
export function readPam(machine: QemuMachine, host: FunctionState, pam0: number): number[] {
  const attributes: number[] = [];
  for (let area = 0; area < PAM_AREAS; area++) {
    const value = get8(machine, host, pam0 + ((area + 1) >>> 1));
    attributes.push((value >>> ((area & 1) === 0 ? 4 : 0)) & 3);
  }
  return attributes;
}
