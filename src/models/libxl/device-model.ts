import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import type { RecordObject } from '../../events/field.js';
import { type Dom0Sbdf, devOf, formatSbdf } from '../../pci/sbdf.js';
import type { Context } from '../context.js';
import { linuxDevice, linuxRead } from '../linux/devices.js';
import { hardwareDomain } from '../xen/domains.js';
import { enterXen } from '../xen/hypercalls.js';
import { qemuId } from './names.js';
import type { PciSpec } from './spec.js';

/** Arguments of `device_add`; msitranslate and power_mgmt never get there. @source facts/dom0 8.1, 8.5 step 10 */
export function deviceAddArguments(device: Dom0Sbdf, spec: PciSpec): RecordObject {
  return {
    driver: 'xen-pci-passthrough',
    id: qemuId(device),
    hostaddr: formatSbdf(device),
    ...(spec.vdevfn === 0
      ? {}
      : { addr: `${(spec.vdevfn >>> 3).toString(16)}.${(spec.vdevfn & 7).toString(16)}` }),
    ...(spec.permissive ? { permissive: true } : {}),
  };
}

/** What opening a device failed with. */
export interface Unopened {
  readonly domid: DomainId;
  readonly path: string;
  readonly errno: number;
  readonly text: string;
}

/**
 * What a device model without the hardware says when it is to take a device: it opens `config` first, then `resource`,
 * `vendor`, `device`, `irq` and `class`, all of the domain it runs in, and the request channel is none of its business. A
 * stub domain has these files where its pcifront has found the device. @returns null where it has them, or may
 * @source qemu hw/xen/xen-host-pci-device.c (xen_host_pci_device_get, xen_host_pci_config_open)
 */
export function unopened(context: Context, device: Dom0Sbdf, stubdom: DomainId | null): Unopened | null {
  const { owners } = context.state;
  if (!owners.settled || stubdom !== null || owners.owner === owners.toolstack) return null;
  const path = `/sys/bus/pci/devices/${formatSbdf(device)}/config`;
  return {
    domid: (owners.toolstack ?? 0) as DomainId,
    path,
    errno: -errno.ENOENT,
    text: `Could not open '${path}': No such file or directory`,
  };
}

/**
 * What QEMU asks of Xen when it takes a device: its pin's GSI mapped for the guest and bound to the slot's pin.
 * This happens before libxl assigns the device. In a stub domain it is that domain which asks. @source facts/dom0 Appendix B step 5, recordings
 */
export function deviceModelTakes(
  context: Context,
  domid: number,
  device: Dom0Sbdf,
  vdevfn: number,
  caller: DomainId = hardwareDomain(context),
): void {
  if (context.env.platform.arch !== 'x86_64') return;
  const irq = linuxDevice(context, device)?.gsi ?? 0;
  const pin = linuxRead(context, device, 0x3d, 1);
  if (irq === 0 || pin === 0) return;
  const ret = enterXen(context, caller, 'physdev_op', 'map_pirq', {
    domid,
    type: 1,
    index: irq,
    pirq: irq,
    bus: 0,
    devfn: 0,
    entry_nr: 0,
    table_base: 0,
  }).ret;
  if (ret !== 0) return;
  enterXen(context, caller, 'domctl', 'bind_pt_irq', {
    domain: domid as DomainId,
    machine_irq: irq,
    irq_type: 0,
    bus: 0,
    device: devOf(vdevfn),
    intx: pin - 1,
  });
}

/** What QEMU takes back when the guest lets a device go: the pin's binding and the pirq. @source facts/dom0 8.8 */
export function deviceModelReleases(context: Context, domid: number, device: Dom0Sbdf, vdevfn: number): void {
  if (context.env.platform.arch !== 'x86_64') return;
  const irq = linuxDevice(context, device)?.gsi ?? 0;
  const pin = linuxRead(context, device, 0x3d, 1);
  if (irq === 0 || pin === 0) return;
  const caller = hardwareDomain(context);
  enterXen(context, caller, 'domctl', 'unbind_pt_irq', {
    domain: domid as DomainId,
    machine_irq: irq,
    irq_type: 0,
    bus: 0,
    device: devOf(vdevfn),
    intx: pin - 1,
  });
  enterXen(context, caller, 'physdev_op', 'unmap_pirq', { domid, pirq: irq });
}
