import { overlaps } from '../../../pci/header.js';
import { imageOf, type QemuMachine } from '../machine.js';
import { get8, get16, get32, set8 } from '../registers.js';
import type { FunctionState } from '../state.js';
import { i440fxWritten } from './i440fx.js';
import { lpcWritten } from './ich9-lpc.js';
import { mchWritten } from './mch.js';
import { rerouteBoard } from './pirq.js';

/** What a config write of a built-in function changes about the machine around it. */
export function chipsetWritten(machine: QemuMachine, fn: FunctionState, at: number, length: number): void {
  switch (imageOf(machine, fn).type) {
    case 'mch':
      return mchWritten(machine, fn, at, length);
    case 'ICH9-LPC':
      return lpcWritten(machine, fn, at, length);
    case 'ICH9-SMB':
      return smbusWritten(machine, fn, at, length);
    case 'i440FX':
      return i440fxWritten(machine, fn, at, length);
    case 'PIIX3':
      if (overlaps(at, length, 0x60, 4)) rerouteBoard(machine);
      return;
    case 'PIIX4_PM':
      return piix4Written(machine, fn, at, length);
  }
}

const HOSTC = 0x40;
const HOSTC_ENABLE = 1;
const HOSTC_RESET = 8;
/** `own` key: the SMBus I/O region was switched off (1) by HOSTC. */
export const SMBUS_OFF = 0;

function smbusWritten(machine: QemuMachine, fn: FunctionState, at: number, length: number): void {
  if (!overlaps(at, length, HOSTC, 1)) return;
  const hostc = get8(machine, fn, HOSTC);
  fn.own[SMBUS_OFF] = (hostc & HOSTC_ENABLE) === 0 ? 1 : 0;
  set8(machine, fn, HOSTC, hostc & ~HOSTC_RESET);
}

/** PIIX4: 64 bytes of PM registers at 0x40 (enable 0x80 bit 0), SMBus at 0x90 (enable 0xd2 bit 0). */
function piix4Written(machine: QemuMachine, fn: FunctionState, at: number, length: number): void {
  if (overlaps(at, length, 0x80, 1) || overlaps(at, length, 0x40, 4)) {
    machine.state.pmBase = (get8(machine, fn, 0x80) & 1) === 0 ? null : get32(machine, fn, 0x40) & 0xffc0;
  }
  if (overlaps(at, length, 0xd2, 1) || overlaps(at, length, 0x90, 4)) {
    machine.state.smbusBase = (get8(machine, fn, 0xd2) & 1) === 0 ? null : get16(machine, fn, 0x90) & 0xffc0;
  }
}
