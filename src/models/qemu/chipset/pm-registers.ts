import type { QemuMachine } from '../machine.js';
import { type Region, region } from '../region.js';
import { setSci } from './ich9-lpc.js';

const PM1_TIMER = 0x0001;
/** Events that raise the SCI: timer, global lock, power button, clock alarm. */
const PM1_COMMON = 0x0521;
const SLEEP_ENABLE = 0x2000;

/** PM1 status as read: the timer's carry stands until it is acknowledged (the clock is stopped). */
const pm1Status = ({ state: { pm } }: QemuMachine): number => pm.status | (pm.timerDue ? PM1_TIMER : 0);

/** @source facts/q35-qemu 1.4 */
export function updateSci(machine: QemuMachine): void {
  const { pm } = machine.state;
  const gpeEnable = pm.gpe[machine.board.kind === 'pc' ? 2 : 8] ?? 0;
  setSci(
    machine,
    (pm1Status(machine) & pm.enable & PM1_COMMON) !== 0 || ((pm.gpe[0] ?? 0) & gpeEnable) !== 0,
  );
}

const pm1Events: Region = region('acpi-evt', {
  maxAccess: 2,
  minStep: 2,
  read: (machine, _target, at) => (at === 0 ? pm1Status(machine) : at === 2 ? machine.state.pm.enable : 0),
  write: (machine, _target, at, _size, value) => {
    const { pm } = machine.state;
    if (at === 0) {
      pm.status = pm1Status(machine) & ~value & 0xffff;
      if ((value & PM1_TIMER) !== 0) pm.timerDue = false;
      else if (pm.timerDue) pm.status |= PM1_TIMER;
    } else if (at === 2) {
      pm.enable = value & 0xffff;
    } else {
      return;
    }
    updateSci(machine);
  },
});

const pm1Control: Region = region('acpi-cnt', {
  maxAccess: 2,
  minStep: 2,
  read: (machine) => machine.state.pm.control,
  write: (machine, _target, _at, _size, value) => {
    machine.state.pm.control = value & 0xffff & ~SLEEP_ENABLE;
  },
});

/** The clock of a stopped machine stands at 0. */
const pmTimer: Region = region('acpi-tmr', { minStep: 4, read: () => 0 });

/** Status bytes (write 1 to clear), then enable bytes; `half` of each. */
const generalPurposeEvents = (half: number): Region =>
  region('acpi-gpe0', {
    maxStep: 1,
    read: (machine, _target, at) => machine.state.pm.gpe[at] ?? 0,
    write: (machine, _target, at, _size, value) => {
      const { gpe } = machine.state.pm;
      gpe[at] = at < half ? (gpe[at] ?? 0) & ~value : value & 0xff;
      updateSci(machine);
    },
  });

const ich9Gpe = generalPurposeEvents(8);
export const piix4Gpe = generalPurposeEvents(2);

const TCO_ENABLE = 0x2000;
const TCO_LOCK = 0x1000;

const smiControl: Region = region('acpi-smi', {
  minAccess: 4,
  read: ({ state: { pm } }, _target, at) => (at === 0 ? pm.smiEnable : 0),
  write: ({ state: { pm } }, _target, at, _size, value) => {
    if (at !== 0) return;
    const locked = ((pm.tco[8] ?? 0) & TCO_LOCK) !== 0;
    const data = locked ? (value & ~TCO_ENABLE) | (pm.smiEnable & TCO_ENABLE) : value;
    pm.smiEnable = ((pm.smiEnable & ~pm.smiEnableWritable) | (data & pm.smiEnableWritable)) >>> 0;
  },
});

/** Watchdog registers by offset with their reset values and stored bits; others read 0. */
const TCO: Readonly<Record<number, { readonly reset: number; readonly mask: number }>> = {
  0: { reset: 0, mask: 0xffff }, // TCO_RLD
  2: { reset: 0, mask: 0xff }, // TCO_DAT_IN
  3: { reset: 0, mask: 0xff }, // TCO_DAT_OUT
  4: { reset: 0, mask: 0xe870 }, // TCO1_STS
  6: { reset: 0, mask: 0xfff8 }, // TCO2_STS
  8: { reset: 0, mask: 0xfeff }, // TCO1_CNT
  10: { reset: 8, mask: 0xffff }, // TCO2_CNT
  12: { reset: 0, mask: 0xff }, // TCO_MESSAGE1
  13: { reset: 0, mask: 0xff }, // TCO_MESSAGE2
  14: { reset: 0, mask: 0xff }, // TCO_WDCNT
  16: { reset: 3, mask: 0xff }, // SW_IRQ_GEN
  18: { reset: 4, mask: 0xffff }, // TCO_TMR
};
const TCO_HALT = 0x0800;

/** The watchdog: storage, a reload that shows the programmed time (the clock stands still), sticky lock. */
const watchdog: Region = region('sm-tco', {
  maxStep: 2,
  read: (machine, _target, at) => tco(machine, at),
  write: (machine, _target, at, _size, value) => {
    const known = TCO[at];
    if (known === undefined) return;
    const stored = machine.state.pm.tco;
    const lock = at === 8 ? tco(machine, 8) & TCO_LOCK : 0;
    stored[at] = (value & known.mask) | lock;
    if (at === 2) stored[4] = tco(machine, 4) | 0x02;
    if (at === 3) stored[4] = tco(machine, 4) | 0x04;
    const runs = (tco(machine, 8) & TCO_HALT) === 0 && tco(machine, 18) > 1;
    if ((at === 0 || at === 8) && runs) stored[0] = tco(machine, 18);
  },
});

const tco = ({ state: { pm } }: QemuMachine, at: number): number => pm.tco[at] ?? TCO[at]?.reset ?? 0;

/** What lies at an offset of the PM block; null in its gaps. */
export function pmRegister(machine: QemuMachine, at: number): { region: Region; offset: number } | null {
  if (at < 4) return { region: pm1Events, offset: at };
  if (at < 6) return { region: pm1Control, offset: at - 4 };
  if (at >= 8 && at < 12) return { region: pmTimer, offset: at - 8 };
  if (machine.board.kind !== 'q35') return null;
  if (at >= 0x20 && at < 0x30) return { region: ich9Gpe, offset: at - 0x20 };
  if (at >= 0x30 && at < 0x38) return { region: smiControl, offset: at - 0x30 };
  if (at >= 0x60 && at < 0x80) return { region: watchdog, offset: at - 0x60 };
  return null;
}
