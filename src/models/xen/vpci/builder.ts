import type { VpciDevice, VpciRegister } from '../../../state/vpci.js';
import type { PendingMap } from './bars.js';
import { addRegister } from './handlers.js';
import type { VpciPorts } from './ports.js';

/** A function whose emulated space is being built: the only place where a device is filled in directly. */
export interface Builder {
  readonly device: VpciDevice;
  /** Ports whose changes go to `device`. */
  readonly ports: VpciPorts;
  /** Mappings that wait for the end. */
  pending: PendingMap | null;
}

const plain = { arg: 0, ro: 0, rw1c: 0, rsvdp: 0, rsvdz: 0 } as const;

/** Adds a rule to the device's list. @returns 0, -EINVAL or -EEXIST. */
export function addRule(
  { device }: Builder,
  rule: Pick<VpciRegister, 'offset' | 'size' | 'read' | 'write'> & Partial<VpciRegister>,
): number {
  const isHandled = rule.read !== 'ones' || rule.write !== 'ignored';
  return addRegister(device.registers, { ...plain, ...rule }, isHandled);
}
