import { errno } from '../../base/errno.js';
import { hasBehaviour } from '../../policy/behaviours.js';
import { argNumber, type HypercallHandler, type OperationTable } from '../hypercall.js';
import { isControlDomain } from './domains.js';

const S3 = 3;
const SLEEP_ENABLE = 0x2000;

/**
 * XENPF_enter_acpi_sleep down to the moment the power goes. Xen pauses every domain, stops the other processors and puts
 * away console, timer, interrupt controllers and IOMMU registers; it looks at no device. Owners, grants, interrupts and
 * the tables of the IOMMU are in memory and stay. Other states than S3 are refused here.
 * @source xen/arch/x86/acpi/power.c (acpi_enter_sleep, enter_state, device_power_down) at c447b73
 */
const enterAcpiSleep: HypercallHandler = (context, { caller, args }) => {
  if (!hasBehaviour(context.env.behaviour, 'suspend-modelled')) return { ret: -errno.ENOSYS };
  if (context.env.platform.arch === 'arm64') return { ret: -errno.ENOSYS };
  if (!isControlDomain(context, caller)) return { ret: -errno.EPERM };
  const pm1b = argNumber(args, 'val_b');
  if (pm1b !== 0 && ((argNumber(args, 'val_a') ^ pm1b) & SLEEP_ENABLE) !== 0) return { ret: -errno.EINVAL };
  if (argNumber(args, 'flags') !== 0 || argNumber(args, 'sleep_state') !== S3) return { ret: -errno.EINVAL };
  const log = (text: string): unknown => context.emit('xen', 'xen.logged', { level: 'info', text });
  log(`Preparing system for ACPI S${S3} state.`);
  log(`Entering ACPI S${S3} state.`);
  context.emit('xen', 'machine.slept', { state: S3 });
  return { ret: 0 };
};

/** `platform_op` sub-operations that concern devices. */
export const platformOperations: OperationTable = { enter_acpi_sleep: enterAcpiSleep };
