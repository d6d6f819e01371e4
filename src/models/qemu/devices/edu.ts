import { setIntx } from '../function/intx.js';
import { msiEnabled, msiNotify } from '../function/msi.js';
import { region } from '../region.js';

/**
 * QEMU's educational device: enough of it to raise interrupts. Identity 0x010000ed at 0, inverted storage at 4,
 * interrupt status at 0x24, raise at 0x60, acknowledge at 0x64, DMA descriptors from 0x80. Its factorial thread and
 * DMA timer are not modelled.
 * @source facts/q35-qemu 2.7; register names: QEMU docs/specs/edu
 */
const IDENTITY = 0x0100_00ed;
const at = {
  identity: 0x00,
  liveness: 0x04,
  factorial: 0x08,
  status: 0x20,
  interruptStatus: 0x24,
  raise: 0x60,
  acknowledge: 0x64,
  dma: 0x80,
  dmaCommand: 0x98,
} as const;
const STATUS_INTERRUPT = 0x80;

/** Only dwords (and qwords in the DMA block) reach a register; other widths read all ones. */
export const eduRegisters = region('edu-mmio', {
  minAccess: 4,
  maxAccess: 8,
  minStep: 4,
  maxStep: 8,
  read: (_machine, { fn }, offset, size) => {
    if (size !== 4 && offset < at.dma) return 0xffff_ffff;
    switch (offset) {
      case at.identity:
        return IDENTITY;
      case at.liveness:
      case at.factorial:
      case at.status:
      case at.interruptStatus:
      case 0x80:
      case 0x88:
      case 0x90:
      case at.dmaCommand:
        return fn!.own[offset] ?? 0;
      default:
        return 0xffff_ffff;
    }
  },
  write: (machine, { fn }, offset, size, value) => {
    if (size !== 4 && offset < at.dma) return;
    const { own } = fn!;
    switch (offset) {
      case at.liveness:
        own[offset] = ~value >>> 0;
        return;
      case at.status:
        own[offset] = value & STATUS_INTERRUPT;
        return;
      case at.raise:
        own[at.interruptStatus] = ((own[at.interruptStatus] ?? 0) | value) >>> 0;
        if (own[at.interruptStatus] === 0) return;
        if (msiEnabled(machine, fn!)) msiNotify(machine, fn!, 0);
        else setIntx(machine, fn!, true);
        return;
      case at.acknowledge:
        own[at.interruptStatus] = ((own[at.interruptStatus] ?? 0) & ~value) >>> 0;
        if (own[at.interruptStatus] === 0 && !msiEnabled(machine, fn!)) setIntx(machine, fn!, false);
        return;
      case 0x80:
      case 0x88:
      case 0x90:
        own[offset] = value >>> 0;
        delete own[offset + HIGH];
        return;
    }
  },
  readHigh: (_machine, { fn }, offset) => {
    if (offset >= at.dma && offset <= at.dmaCommand && offset % 8 === 0) return fn!.own[offset + HIGH] ?? 0;
    return 0xffff_ffff;
  },
  writeHigh: (_machine, { fn }, offset, value) => {
    if (offset >= at.dma && offset < at.dmaCommand && offset % 8 === 0) fn!.own[offset + HIGH] = value;
  },
});

/** `own` keys of the high halves of the DMA registers. */
const HIGH = 0x1000;
