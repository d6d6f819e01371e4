import type { Dom0Sbdf } from '../../pci/sbdf.js';
import { hardwareDomain } from '../xen/domains.js';
import { driverDomainHas } from '../xen/driver-domain.js';
import { deviceFile } from './names.js';
import type { StepIo } from './step.js';

/** One region of the first seven lines of `resource`. */
interface Region {
  readonly start: number;
  readonly end: number;
  readonly isPort: boolean;
}

/** Bit 0 says port, on the ROM line too, where it means enabled. @source facts/dom0 8.5 step 11 */
function regions(io: StepIo, device: Dom0Sbdf): readonly Region[] | null {
  const text = io.read(deviceFile(device, 'resource'));
  if (text === null) return null;
  return text
    .split('\n')
    .slice(0, 7)
    .map((line) => line.split(' ').map(Number) as [number, number, number])
    .filter(([start]) => start !== 0)
    .map(([start, end, flags]) => ({ start, end, isPort: (flags & 1) === 1 }));
}

/** ioport and iomem permissions of a device; earlier ones stay when one fails. @returns whether all went well */
export function permitRegions(io: StepIo, device: Dom0Sbdf, allow: boolean, domid = io.domid): boolean {
  const list = regions(io, device);
  if (list === null) {
    io.log('error', `Couldn't open ${deviceFile(device, 'resource')}`);
    return false;
  }
  for (const { start, end, isPort } of list) {
    const size = end - start + 1;
    const allow_access = allow ? 1 : 0;
    const address = !allow && !io.has('libxl-whole-bar-addresses') ? start % 0x1_0000_0000 : start;
    const ret = isPort
      ? io.domctl('ioport_permission', { first_port: address, nr_ports: size, allow_access }, domid)
      : io.domctl(
          'iomem_permission',
          { first_mfn: Math.floor(address / 4096), nr_mfns: Math.ceil(size / 4096), allow_access },
          domid,
        );
    if (ret === 0) continue;
    const range = `0x${start.toString(16)}/0x${size.toString(16)} (error ${ret})`;
    io.log('error', `xc_domain_${isPort ? 'ioport' : 'iomem'}_permission ${range}`);
    if (allow) return false;
  }
  return true;
}

const mapGsi = (io: StepIo, index: number, pirq: number, domid: number): number =>
  io.physdev('map_pirq', {
    domid,
    type: 1,
    index,
    pirq,
    bus: 0,
    devfn: 0,
    entry_nr: 0,
    table_base: 0,
  });

/**
 * A PVH Dom0 has no pirqs and names GSIs; a toolstack that is not the owner of the hardware has no pirq of the device
 * either, and would have to do the same (proposed).
 */
const usesGsi = (io: StepIo): boolean =>
  driverDomainHas(io.context, 'backend-0') ||
  (io.context.state.domains[hardwareDomain(io.context)]?.type !== 'pv' && io.has('libxl-maps-gsis'));

/** The pin's interrupt: mapped for the guest, then allowed. x86 only. @source facts/dom0 8.5 step 12 */
export function permitInterrupt(io: StepIo, device: Dom0Sbdf, domid = io.domid): boolean {
  const text = io.read(deviceFile(device, 'irq'));
  if (text === null) {
    io.log('error', `Couldn't open ${deviceFile(device, 'irq')}`);
    return false;
  }
  const irq = Number(text);
  if (irq <= 0 || irq >= 255) return true;
  // Where another domain has the hardware, that one has mapped it when it was asked.
  const mapped = io.woken.by === 'reply' ? 0 : mapGsi(io, irq, usesGsi(io) ? -1 : irq, domid);
  if (mapped !== 0) {
    io.log('error', `xc_physdev_map_pirq irq=${irq} (error=${mapped})`);
    return false;
  }
  const ret = usesGsi(io)
    ? io.domctl('gsi_permission', { gsi: irq, flags: 1 }, domid)
    : io.domctl('irq_permission', { pirq: irq, allow_access: 1 }, domid);
  if (ret !== 0)
    io.log('error', `xc_domain_${usesGsi(io) ? 'gsi' : 'irq'}_permission irq=${irq} (error=${ret})`);
  return ret === 0;
}

/** QEMU may have unmapped it before, which is -EINVAL and only logged. @source facts/dom0 8.8 */
export function revokeInterrupt(io: StepIo, device: Dom0Sbdf, domid = io.domid): void {
  const irq = Number(io.read(deviceFile(device, 'irq')) ?? '0');
  if (irq <= 0 || irq >= 255) return;
  const unmapped = io.physdev('unmap_pirq', { domid, pirq: irq });
  if (unmapped !== 0)
    io.log('error', `xc_physdev_unmap_pirq irq=${irq}: ${unmapped === -22 ? 'Invalid argument' : unmapped}`);
  const ret = usesGsi(io)
    ? io.domctl('gsi_permission', { gsi: irq, flags: 0 }, domid)
    : io.domctl('irq_permission', { pirq: irq, allow_access: 0 }, domid);
  if (ret !== 0) io.log('error', `xc_domain_irq_permission irq=${irq}`);
}
