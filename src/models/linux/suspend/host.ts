import { findCapability } from '../../../pci/capability-walk.js';
import type { FunctionId } from '../../../pci/function-id.js';
import type { Dom0Sbdf } from '../../../pci/sbdf.js';
import type { Context, Decider } from '../../context.js';
import { linuxDomain } from '../../xen/driver-domain.js';
import { by, linuxDevice, linuxHypercall, linuxLog, linuxRead, linuxWrite, physdevName } from '../devices.js';
import { fallenRegisters, restoreExpress, restoreState, saveState } from '../reset.js';

const COMMAND = 0x04;
const MEMORY = 2;
const MASTER = 4;
const MSI = 0x05;
const MSIX = 0x11;

/** Devices of the hardware domain in the order of their names: parents before what is below them. */
const devicesOf = (context: Context): readonly Dom0Sbdf[] =>
  Object.keys(context.state.linux.devices)
    .map((key) => Number(key) as Dom0Sbdf)
    .sort((a, b) => a - b);

/**
 * `echo mem > /sys/power/state`: the PCI core saves every device, then Xen is asked to sleep, then the power goes. pciback
 * has no power management of its own, so its devices are saved as a guest has left them, and one that a PV guest enabled
 * loses bus mastering first. @source drivers/pci/pci-driver.c (pci_pm_suspend, pci_pm_suspend_noirq) of v6.1
 */
export const decideHostSleep: Decider<'host.slept'> = (context, { data }) => {
  if (context.state.sleep.state !== 0) return;
  const devices = devicesOf(context);
  for (const sbdf of devices) {
    if (isPciback(context, sbdf) && linuxDevice(context, sbdf)?.enabled === true) {
      const command = linuxRead(context, sbdf, COMMAND, 2);
      if ((command & MASTER) !== 0) linuxWrite(context, sbdf, COMMAND, 2, command & ~MASTER);
    }
    const saved = Object.fromEntries(Object.entries(saveState(context, sbdf)));
    context.emit(by(context), 'linux.state-saved', { sbdf, saved });
  }
  const asked = { sleep_state: data.state, flags: 0, val_a: 0, val_b: 0 };
  const ret = linuxHypercall(context, 'platform_op', 'enter_acpi_sleep', asked);
  if (ret !== 0) {
    wake(context);
    return;
  }
  for (const sbdf of devices) losePower(context, sbdf);
};

/** Xen wakes first and lets its domains run; then Linux restores its devices. */
export const decideHostWake: Decider<'host.woke'> = (context) => {
  const { state } = context.state.sleep;
  if (state === 0) return;
  const text = `Finishing wakeup from ACPI S${state} state.`;
  context.emit('xen', 'xen.logged', { level: 'info', text });
  context.emit('xen', 'machine.woke', { state });
  wake(context);
};

const isPciback = (context: Context, sbdf: Dom0Sbdf): boolean =>
  context.state.pciback.devices[sbdf] !== undefined;

function losePower(context: Context, sbdf: Dom0Sbdf): void {
  const device = linuxDevice(context, sbdf)!;
  const fn = device.function as FunctionId;
  const fallen = fallenRegisters(context, fn, device.physfn !== null);
  const registers = Object.fromEntries(fallen.map(({ reg, before }) => [reg, before]));
  context.emit('hw', 'function.lost-power', { function: fn, registers });
  for (const { reg, value } of fallen) context.emit('hw', 'config.changed', { function: fn, reg, value });
}

/** First every device's registers and messages, then what its driver asked for. @source pci_pm_resume_noirq, pci_pm_resume */
function wake(context: Context): void {
  const devices = devicesOf(context).filter((sbdf) => context.state.sleep.saved[sbdf] !== undefined);
  const outcomes = devices.map((sbdf) => {
    restoreRegisters(context, sbdf, context.state.sleep.saved[sbdf]!);
    return [sbdf, restoreMessages(context, sbdf)] as const;
  });
  for (const [sbdf, messages] of outcomes) {
    reenable(context, sbdf);
    tell(context, sbdf, messages);
  }
}

/** A bridge gets all of its header back, the prefetchable window in any case. @source pci_restore_config_space of v6.1 */
function restoreRegisters(context: Context, sbdf: Dom0Sbdf, saved: Readonly<Record<number, number>>): void {
  if (((saved[0x0c] ?? 0) & 0x7f_0000) !== 0x01_0000) {
    restoreState(context, sbdf, saved);
    return;
  }
  restoreExpress(context, sbdf, saved);
  for (let reg = 0x3c; reg >= 0; reg -= 4) {
    const value = saved[reg] ?? 0;
    const isPrefetchable = reg >= 0x24 && reg <= 0x2c;
    if (isPrefetchable || linuxRead(context, sbdf, reg, 4) !== value)
      linuxWrite(context, sbdf, reg, 4, value);
  }
}

type Messages = 'none' | 'restored' | 'refused' | 'lost';

/**
 * `pci_restore_msi_state`: Linux asks Xen only for a device whose MSI it has switched on itself, for a driver of its own
 * or through pciback for a PV guest. Messages that a device model mapped for an HVM guest are nothing it knows of.
 * @source drivers/pci/msi/msi.c, arch/x86/pci/xen.c (xen_initdom_restore_msi) of v6.1
 */
function restoreMessages(context: Context, sbdf: Dom0Sbdf): Messages {
  // Xen's names are those the hardware domain has used towards it.
  const entries = context.state.irq.msi[sbdf]?.entries ?? [];
  if (entries.length === 0) return 'none';
  const stub = context.state.pciback.devices[sbdf];
  if (stub !== undefined && stub.msi === 'none') return 'lost';
  if (context.state.domains[linuxDomain(context)]?.type !== 'pv') return 'lost';
  const hasTable = entries.some(({ type }) => type === 'msix');
  const command = linuxRead(context, sbdf, COMMAND, 2);
  // The table lies behind a register of the device, whatever its driver had made of the decode bit.
  if (hasTable) linuxWrite(context, sbdf, COMMAND, 2, command | MEMORY);
  const ret = linuxHypercall(context, 'physdev_op', 'restore_msi_ext', physdevName(sbdf));
  if (hasTable) linuxWrite(context, sbdf, COMMAND, 2, command);
  if (ret !== 0) {
    linuxLog(context, `restore_msi_ext -> ${ret}`);
    return 'refused';
  }
  restoreControl(context, sbdf, hasTable ? MSIX : MSI);
  return 'restored';
}

/** Message control of the capability, where software had changed it. */
function restoreControl(context: Context, sbdf: Dom0Sbdf, id: number): void {
  const at = findCapability((reg, size) => linuxRead(context, sbdf, reg, size), id);
  const before = context.state.sleep.fallen[linuxDevice(context, sbdf)!.function]?.[at];
  if (before !== undefined) linuxWrite(context, sbdf, at + 2, 2, before >>> 16);
}

/** `pci_pm_reenable_device`: decoding, and bus mastering for a device whose driver had asked for it. */
function reenable(context: Context, sbdf: Dom0Sbdf): void {
  const stub = context.state.pciback.devices[sbdf];
  if (stub?.isBusmaster !== true) return;
  const command = linuxRead(context, sbdf, COMMAND, 2);
  if ((command & MASTER) === 0) linuxWrite(context, sbdf, COMMAND, 2, command | MASTER);
}

/** What did not come back. Nothing in Xen, pciback or XenStore tells a guest that the machine slept. */
function tell(context: Context, sbdf: Dom0Sbdf, messages: Messages): void {
  const wasMaster = context.state.pciback.devices[sbdf]?.isBusmaster === true ? MASTER : 0;
  const fn = linuxDevice(context, sbdf)!.function;
  const lost = Object.entries(context.state.sleep.fallen[fn] ?? {}).filter(([key, held]) => {
    const reg = Number(key);
    // The suspend itself had taken bus mastering away before the registers fell.
    const before = reg === COMMAND ? held | wasMaster : held;
    return linuxRead(context, sbdf, reg, 4) !== before >>> 0;
  });
  context.emit(by(context), 'linux.device-woke', {
    sbdf,
    domid: context.state.xen.devices[sbdf]?.owner ?? null,
    registers: lost.map(([reg]) => `0x${Number(reg).toString(16)}`).join(' '),
    messages,
  });
}
