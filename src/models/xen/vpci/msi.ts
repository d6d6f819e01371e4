import type { VpciMsi } from '../../../state/vpci.js';
import { COMMAND, COMMAND_INTX_DISABLE } from './bars.js';
import type { InterruptRequest, VpciPorts } from './ports.js';

export const msiRegisters = {
  control: (position: number): number => position + 2,
  addressLo: (position: number): number => position + 4,
  addressHi: (position: number): number => position + 8,
  data: (position: number, address64: boolean): number => position + (address64 ? 12 : 8),
  mask: (position: number, address64: boolean): number => position + (address64 ? 16 : 12),
} as const;

const ENABLE = 0x0001;
const ADDRESS64 = 0x0080;
const MASKING = 0x0100;

const log2 = (vectors: number): number => 31 - Math.clz32(vectors);

/** Vectors a control word's capability field offers; Xen stops at 32. @source facts/arm-msi-iommu 7.1 */
const offeredVectors = (control: number): number => Math.min(1 << ((control >>> 1) & 7), 32);

const hasAddress64 = (control: number): boolean => (control & ADDRESS64) !== 0;
const hasMasking = (control: number): boolean => (control & MASKING) !== 0;

/** The control word as the guest sees it. @source facts/xen 5.7 */
export function msiControl(msi: Readonly<VpciMsi>): number {
  return (
    (log2(msi.maxVectors) << 1) |
    (log2(msi.vectors) << 4) |
    (msi.enabled ? ENABLE : 0) |
    (msi.masking ? MASKING : 0) |
    (msi.address64 ? ADDRESS64 : 0)
  );
}

/** Vector of message `i` of a block of `vectors` (a power of two). @source facts/xen 5.7 */
export function vectorOf(data: number, i: number, vectors: number): number {
  const mask = vectors - 1;
  return (data & 0xff & ~mask) | ((data + i) & mask);
}

/** Xen binds only messages of the local APICs' window. @source facts/xen 5.7, 6.1 */
export const isDeliverable = (addressLo: number, addressHi: number): boolean =>
  addressHi === 0 && addressLo >>> 20 === 0xfee;

/** Writes to the control word. @source facts/xen 5.7 */
export function writeMsiControl(ports: VpciPorts, msi: Readonly<VpciMsi>, value: number): void {
  // The field is one byte wide in Xen: 2^7 still fits.
  const vectors = Math.min(1 << ((value >>> 4) & 7), msi.maxVectors);
  const enabled = (value & ENABLE) !== 0;
  const wasEnabled = msi.enabled;
  if (enabled === wasEnabled && (vectors === msi.vectors || !wasEnabled)) {
    if (vectors !== msi.vectors) ports.change('msi', 0, { vectors });
    return;
  }
  if (wasEnabled) {
    unmapMsi(ports, msi);
    ports.change('msi', 0, { enabled: false, mapped: false });
  }
  if (enabled) {
    const pirq = ports.interrupt(request({ ...msi, vectors }, 0, 'map'));
    if (pirq < 0) {
      ports.warn(`failed to map PIRQ: ${pirq}`);
      return;
    }
    ports.change('msi', 0, { mapped: true, pirq, bound: bindMsi(ports, { ...msi, vectors, pirq }) });
    if (!wasEnabled && !ports.isHardwareDomain) disableIntx(ports);
  }
  ports.change('msi', 0, { vectors, enabled });
  ports.hwWrite(msiRegisters.control(msi.position), 2, msiControl(ports.device().msi!));
}

/** Takes INTx away from an unprivileged owner that turned messages on. @source facts/xen 5.7 */
export function disableIntx(ports: VpciPorts): void {
  const command = ports.hwRead(COMMAND, 2);
  ports.hwWrite(COMMAND, 2, command | COMMAND_INTX_DISABLE);
  const { guestCommand } = ports.device().header;
  ports.change('header', 0, { guestCommand: guestCommand | COMMAND_INTX_DISABLE });
}

type MessageFields = Partial<Pick<VpciMsi, 'addressLo' | 'addressHi' | 'data'>>;

/** Address or data changed; an enabled block is bound anew. @source facts/xen 5.7 */
export function writeMsiMessage(ports: VpciPorts, fields: MessageFields): void {
  ports.change('msi', 0, fields);
  const msi = ports.device().msi!;
  if (!msi.enabled) return;
  if (msi.bound) unbindMsi(ports, msi);
  ports.change('msi', 0, { bound: bindMsi(ports, msi) });
}

/** Only vectors that are on and whose bit changed reach the interrupt layer. @source facts/xen 5.7 */
export function writeMsiMask(ports: VpciPorts, msi: Readonly<VpciMsi>, value: number): void {
  const changed = (msi.mask ^ value) >>> 0;
  if (changed === 0) return;
  if (msi.enabled) {
    for (let i = 0; i < msi.vectors; i++) {
      if (((changed >>> i) & 1) === 0) continue;
      ports.interrupt(request(msi, i, ((value >>> i) & 1) === 1 ? 'mask' : 'unmask'));
    }
  }
  ports.change('msi', 0, { mask: value });
}

const request = (
  msi: Readonly<VpciMsi>,
  entry: number,
  action: InterruptRequest['action'],
): InterruptRequest => ({
  source: 'msi',
  entry,
  action,
  addressLo: msi.addressLo,
  addressHi: msi.addressHi,
  data: ((msi.data & ~0xff) | vectorOf(msi.data, entry, msi.vectors)) >>> 0,
  masked: ((msi.mask >>> entry) & 1) === 1,
  pirq: msi.pirq + entry,
  vectors: msi.vectors,
});

/** @returns Whether every vector is bound afterwards; a failure takes back those bound before it. */
function bindMsi(ports: VpciPorts, msi: Readonly<VpciMsi>): boolean {
  if (!isDeliverable(msi.addressLo, msi.addressHi)) {
    ports.interrupt(request(msi, 0, 'refuse'));
    return false;
  }
  for (let i = 0; i < msi.vectors; i++) {
    if (ports.interrupt(request(msi, i, 'bind')) >= 0) continue;
    while (i-- > 0) ports.interrupt(request(msi, i, 'unbind'));
    return false;
  }
  return true;
}

function unbindMsi(ports: VpciPorts, msi: Readonly<VpciMsi>): void {
  for (let i = 0; i < msi.vectors; i++) ports.interrupt(request(msi, i, 'unbind'));
}

function unmapMsi(ports: VpciPorts, msi: Readonly<VpciMsi>): void {
  if (msi.bound) unbindMsi(ports, msi);
  ports.interrupt(request(msi, 0, 'unmap'));
  // The vector has no guest any more: Xen gives the function its INTx back. @source xen/arch/x86/msi.c, __pci_disable_msi
  ports.hwWrite(COMMAND, 2, ports.hwRead(COMMAND, 2) & ~COMMAND_INTX_DISABLE);
}

/** Control of a function whose MSI has just been set up. @source facts/xen 5.7 */
export function initialMsi(position: number, control: number): VpciMsi {
  return {
    position,
    maxVectors: offeredVectors(control),
    vectors: 1,
    address64: hasAddress64(control),
    masking: hasMasking(control),
    enabled: false,
    mapped: false,
    pirq: 0,
    bound: false,
    addressLo: 0,
    addressHi: 0,
    data: 0,
    mask: 0,
  };
}
