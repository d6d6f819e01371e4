import { errno } from '../../base/errno.js';
import { busOf, type Dom0Sbdf, devfnOf, formatSbdf, segmentOf } from '../../pci/sbdf.js';
import { hasBehaviour } from '../../policy/behaviours.js';
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

/**
 * `xen_add_device`: a Xen that answers -ENOSYS is asked the older way from then on, which knows segment 0 only.
 * @source drivers/xen/pci.c (xen_add_device, xen_pci_notifier) of v6.1 and v6.12
 */
export function report(context: Context, sbdf: Dom0Sbdf, physfn: Dom0Sbdf | null): void {
  const isNamed = hasBehaviour(context.env.behaviour, 'arm-as-it-runs');
  const name = isNamed ? `pci ${formatSbdf(sbdf)}: ` : '';
  if (segmentOf(sbdf) > 0xffff && has(context.env, 'refuses-wide-segments')) {
    const old = `pci ${linuxRead(context, sbdf, 0, 4).toString(16)}: `;
    linuxLog(context, `${isNamed ? name : old}not registering with Xen: invalid PCI segment`);
    return;
  }
  const ret = tellXen(context, sbdf, physfn);
  if (ret !== 0) linuxLog(context, `${name}Failed to add - passthrough or MSI/MSI-X might fail!`);
}

function tellXen(context: Context, sbdf: Dom0Sbdf, physfn: Dom0Sbdf | null): number {
  if (!asksOlderWay(context)) {
    const ret = linuxHypercall(context, 'physdev_op', 'pci_device_add', {
      ...physdevName(sbdf),
      flags: physfn === null ? 0 : VIRTFN,
      physfn: { bus: physfn === null ? 0 : busOf(physfn), devfn: physfn === null ? 0 : devfnOf(physfn) },
    });
    if (!asksOlderWay(context)) return ret;
  }
  if (segmentOf(sbdf) !== 0) return -errno.ENOSYS;
  const device = { bus: busOf(sbdf), devfn: devfnOf(sbdf) };
  if (physfn === null) return linuxHypercall(context, 'physdev_op', 'manage_pci_add', device);
  return linuxHypercall(context, 'physdev_op', 'manage_pci_add_ext', {
    ...device,
    is_extfn: 0,
    is_virtfn: 1,
    physfn: { bus: busOf(physfn), devfn: devfnOf(physfn) },
  });
}

/** `xen_remove_device`, with what Linux says when Xen refuses. @source drivers/xen/pci.c of v6.1 and v6.12 */
export function reportGone(context: Context, sbdf: Dom0Sbdf): void {
  const name = hasBehaviour(context.env.behaviour, 'arm-as-it-runs') ? `pci ${formatSbdf(sbdf)}: ` : '';
  const device = { bus: busOf(sbdf), devfn: devfnOf(sbdf) };
  const ret = !asksOlderWay(context)
    ? linuxHypercall(context, 'physdev_op', 'pci_device_remove', physdevName(sbdf))
    : segmentOf(sbdf) !== 0
      ? -errno.ENOSYS
      : linuxHypercall(context, 'physdev_op', 'manage_pci_remove', device);
  if (ret !== 0) linuxLog(context, `${name}Failed to delete - passthrough or MSI/MSI-X might fail!`);
}

const asksOlderWay = ({ env, state }: Context): boolean =>
  state.linux.knowsSegments === false && hasBehaviour(env.behaviour, 'arm-as-it-runs');
