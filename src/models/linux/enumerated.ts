import { busOf, type Dom0Sbdf, devfnOf, segmentOf } from '../../pci/sbdf.js';
import { has } from '../../policy/has.js';
import type { Context, Decider } from '../context.js';
import { linuxHypercall, linuxLog, linuxRead, physdevName, setUpGsi } from './devices.js';

/**
 * The bus notifier of a hardware domain: each new device is reported to Xen before any driver binds; a refusal is
 * logged and stops nobody. One that is enabled already has its interrupt too. @source facts/dom0 2.1, 2.2
 */
export const decideEnumerated: Decider<'linux.enumerated'> = (context, { data }) => {
  report(context, data.sbdf, data.physfn);
  if (data.enabled) setUpGsi(context, data.gsi);
};

const VIRTFN = 2;

/** `xen_add_device`. @source facts/dom0 2.2 */
export function report(context: Context, sbdf: Dom0Sbdf, physfn: Dom0Sbdf | null): void {
  if (segmentOf(sbdf) > 0xffff && has(context.env, 'refuses-wide-segments')) {
    linuxLog(
      context,
      `pci ${linuxRead(context, sbdf, 0, 4).toString(16)}: not registering with Xen: invalid PCI segment`,
    );
    return;
  }
  const ret = linuxHypercall(context, 'physdev_op', 'pci_device_add', {
    ...physdevName(sbdf),
    flags: physfn === null ? 0 : VIRTFN,
    physfn: { bus: physfn === null ? 0 : busOf(physfn), devfn: physfn === null ? 0 : devfnOf(physfn) },
  });
  if (ret !== 0) linuxLog(context, 'Failed to add - passthrough or MSI/MSI-X might fail!');
}
