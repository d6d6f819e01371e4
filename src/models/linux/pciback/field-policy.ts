import { findCapability } from '../../../pci/capability-walk.js';
import type { Resource } from '../../hardware/bars.js';
import { pcibios } from '../pciif/page.js';
import type { DevicePort } from './device.js';
import type { ConfigField } from './fields.js';

const commandBits = { IO: 1, MEMORY: 2, MASTER: 4, INVALIDATE: 0x10, INTX_DISABLE: 0x400 } as const;
/** Command bits a guest reads from and, in permissive mode, writes to hardware. @source facts/dom0 5.3 */
const COMMAND_GUEST = 0x2bc;
const PM_OK_BITS = 0x8000 | 0x1e00;
const MSI_ENABLE = 0x0001;
const MSIX_ENABLE = 0x8000;
/** Enable and, since Linux 6.1, mask-all. @source facts/dom0 Appendix A */
const MSIX_ALLOWED = 0xc000;

const { SUCCESSFUL, SET_FAILED } = pcibios;

/** What one field reads as. @source facts/dom0 5.3, 5.4 */
export function readField(port: DevicePort, field: ConfigField): number {
  const raw = (): number => port.read(field.offset, field.size);
  switch (field.kind) {
    case 'vendor':
      return port.ids.vendor;
    case 'device':
      return port.ids.device;
    case 'command':
      return (raw() & COMMAND_GUEST) | (port.policy.command & ~COMMAND_GUEST & 0xffff);
    case 'interrupt-line':
      return port.irqLine & 0xff;
    case 'bar':
    case 'rom': {
      const { value, length } = barAnswers(port.resources[field.offset]);
      return port.policy.sizing[field.offset] === undefined ? value : length;
    }
    case 'pm-capabilities':
      // Nobody wakes a guest: PME support is hidden.
      return raw() & 0x07ff;
    default:
      return raw();
  }
}

/** Carries out a merged write to one field; a PCIBIOS code or a negative errno. @source facts/dom0 5.3, 5.4 */
export function writeField(port: DevicePort, field: ConfigField, value: number): number {
  switch (field.kind) {
    case 'command':
      return writeCommand(port, value);
    case 'cache-line':
    case 'quirk':
      port.write(field.offset, field.size, value);
      return SUCCESSFUL;
    case 'bist': {
      const now = port.read(field.offset, 1);
      if ((now & ~0x40) === (value & ~0x40) || value === 0x40) port.write(field.offset, 1, value);
      return SUCCESSFUL;
    }
    case 'bar':
    case 'rom':
      return writeBar(port, field, value);
    case 'vpd-address':
      if ((value & 0x8000) !== 0) return SET_FAILED;
      port.write(field.offset, 2, value);
      return SUCCESSFUL;
    case 'pm-control':
      return writePmControl(port, field, value);
    case 'msi-flags':
      return writeInterruptFlags(port, field, value, MSI_ENABLE, MSI_ENABLE, 'msi');
    case 'msix-flags':
      return writeInterruptFlags(port, field, value, MSIX_ALLOWED, MSIX_ENABLE, 'msix');
    default:
      return SUCCESSFUL;
  }
}

function writeCommand(port: DevicePort, value: number): number {
  const decodes = commandBits.IO | commandBits.MEMORY;
  if (!port.policy.enabled && (value & decodes) !== 0) {
    const failed = port.enable();
    if (failed !== 0) return failed;
    port.update({ enableIntx: true });
  } else if (port.policy.enabled && (value & decodes) === 0) {
    port.disable();
    port.update({ enableIntx: false });
  }

  const master = (value & commandBits.MASTER) !== 0;
  if (master !== port.policy.isBusmaster) {
    setCommandBit(port, commandBits.MASTER, master);
    port.update({ isBusmaster: master });
  }

  let kept = value;
  const before = port.policy.command;
  if ((before & commandBits.INVALIDATE) === 0 && (value & commandBits.INVALIDATE) !== 0) {
    if (!setInvalidate(port)) {
      port.warn('cannot enable memory-write-invalidate (-22)');
      kept &= ~commandBits.INVALIDATE;
    }
  } else if ((before & commandBits.INVALIDATE) !== 0 && (value & commandBits.INVALIDATE) === 0) {
    setCommandBit(port, commandBits.INVALIDATE, false);
  }

  if (port.policy.allowInterruptControl && ((before ^ kept) & commandBits.INTX_DISABLE) !== 0) {
    setCommandBit(port, commandBits.INTX_DISABLE, (kept & commandBits.INTX_DISABLE) !== 0);
  }
  port.update({ command: kept });
  if (!isPermissive(port)) return SUCCESSFUL;
  const now = port.read(0x04, 2);
  if (now !== kept) port.write(0x04, 2, (now & ~COMMAND_GUEST & 0xffff) | (kept & COMMAND_GUEST));
  return SUCCESSFUL;
}

export const isPermissive = (port: DevicePort): boolean => port.policy.permissive || port.permissiveGlobal;

function setCommandBit(port: DevicePort, bit: number, on: boolean): void {
  const now = port.read(0x04, 2);
  const next = on ? now | bit : now & ~bit;
  if (next !== now) port.write(0x04, 2, next);
}

/** `pci_set_mwi`: needs a cache line size, 64 bytes here; a register that does not take it makes it fail. */
function setInvalidate(port: DevicePort): boolean {
  const lines = port.read(0x0c, 1);
  if (lines < 0x10 || lines % 0x10 !== 0) {
    port.write(0x0c, 1, 0x10);
    if (port.read(0x0c, 1) !== 0x10) return false;
  }
  setCommandBit(port, commandBits.INVALIDATE, true);
  return true;
}

/** The two answers of a BAR: Dom0's resource, and the sizing answer. @source facts/dom0 5.3 */
function barAnswers(resource: Resource | undefined): { value: number; length: number } {
  if (resource === undefined || resource.sizeBytes === 0 || resource.start === 0) {
    return { value: 0, length: 0 };
  }
  if (resource.isUpperHalf) {
    return {
      value: Math.floor(resource.start / 0x1_0000_0000) >>> 0,
      length:
        resource.sizeBytes >= 0x1_0000_0000
          ? -Math.floor(resource.sizeBytes / 0x1_0000_0000) >>> 0
          : 0xffff_ffff,
    };
  }
  return {
    value: ((resource.start % 0x1_0000_0000) | resource.lowBits) >>> 0,
    length: ((-resource.sizeBytes % 0x1_0000_0000) | resource.lowBits) >>> 0,
  };
}

/** BARs cannot be moved: all ones selects the size, anything else the address, and the address restores hardware. */
function writeBar(port: DevicePort, field: ConfigField, value: number): number {
  const resource = port.resources[field.offset];
  const typeMask =
    field.kind === 'rom'
      ? 0x7ff
      : resource?.isUpperHalf === true
        ? 0
        : ((resource?.lowBits ?? 0) & 1) === 1
          ? 3
          : 0xf;
  if ((value | typeMask) >>> 0 === 0xffff_ffff) {
    port.update({ sizing: { ...port.policy.sizing, [field.offset]: true } });
    return SUCCESSFUL;
  }
  if (port.policy.sizing[field.offset] !== undefined) {
    const { [field.offset]: _, ...sizing } = port.policy.sizing;
    port.update({ sizing });
  }
  const answer = barAnswers(resource).value;
  if (value === answer && port.read(field.offset, 4) !== answer) port.write(field.offset, 4, answer);
  return SUCCESSFUL;
}

function writePmControl(port: DevicePort, field: ConfigField, value: number): number {
  const now = port.read(field.offset, 2);
  if ((now & PM_OK_BITS) !== (value & PM_OK_BITS)) {
    port.write(field.offset, 2, (now & ~PM_OK_BITS & 0xffff) | (value & PM_OK_BITS));
  }
  return setPowerState(port, field.offset, value & 3) ? SUCCESSFUL : SET_FAILED;
}

/**
 * `pci_set_power_state`: from a low state only deeper or back to D0; D1 and D2 only where PMC announces them.
 * @source torvalds/linux v6.1 drivers/pci/pci.c pci_raw_set_power_state, see docs/models/toolstack.md
 */
function setPowerState(port: DevicePort, pmcsr: number, state: number): boolean {
  const capabilities = port.read(pmcsr - 2, 2);
  const register = port.read(pmcsr, 2);
  const current = register & 3;
  if (state === current) return true;
  if (state !== 0 && current > state) return false;
  if ((state === 1 && (capabilities & 0x200) === 0) || (state === 2 && (capabilities & 0x400) === 0))
    return false;
  port.write(pmcsr, 2, (register & ~3) | state);
  return true;
}

/** Which interrupt a device raises now. */
function interruptType(port: DevicePort): 'none' | 'intx' | 'msi' | 'msix' {
  const msi = findCapability((reg, size) => port.read(reg, size), 0x05);
  if (msi !== 0 && (port.read(msi + 2, 2) & MSI_ENABLE) !== 0) return 'msi';
  const msix = findCapability((reg, size) => port.read(reg, size), 0x11);
  if (msix !== 0 && (port.read(msix + 2, 2) & MSIX_ENABLE) !== 0) return 'msix';
  return (port.read(0x04, 2) & commandBits.INTX_DISABLE) === 0 ? 'intx' : 'none';
}

function writeInterruptFlags(
  port: DevicePort,
  field: ConfigField,
  value: number,
  allowed: number,
  enable: number,
  own: 'msi' | 'msix',
): number {
  if (!isPermissive(port)) {
    const now = port.read(field.offset, 2);
    if (now === value) return SUCCESSFUL;
    if (!port.policy.allowInterruptControl || ((value ^ now) & ~allowed) !== 0) return SET_FAILED;
    if ((value & enable) !== 0) {
      const type = interruptType(port);
      if (type !== 'none' && type !== 'intx' && type !== own) return SET_FAILED;
    }
  }
  port.write(field.offset, 2, value);
  return SUCCESSFUL;
}
