import type { DomainId } from '../../base/brand.js';
import { errno } from '../../base/errno.js';
import { ptIrqType } from '../../events/abi/domctl.js';
import type { Context } from '../context.js';
import { argNumber, type Call, type HypercallHandler } from '../hypercall.js';
import { isHvm } from './domains.js';
import { msiOf } from './msi.js';
import { isPermitted } from './permissions.js';
import { irqOfPirq, mayBind } from './pirq.js';
import { nrGsis, nrPirqs } from './x86.js';

const UNMASKED = 0x1_0000;
const FIRST_SPI = 32;

const subject = (args: Call['args']): DomainId => argNumber(args, 'domain') as DomainId;
const typeOf = (args: Call['args']): number => argNumber(args, 'irq_type');

/** XEN_DOMCTL_bind_pt_irq. @source facts/xen 6.2 */
export const bindPtIrq: HypercallHandler = (context, call) =>
  context.env.platform.arch === 'arm64' ? bindSpi(context, call, true) : bindX86(context, call);

/** XEN_DOMCTL_unbind_pt_irq. @source facts/xen 6.2 */
export const unbindPtIrq: HypercallHandler = (context, call) =>
  context.env.platform.arch === 'arm64' ? bindSpi(context, call, false) : unbindX86(context, call);

const bindX86: HypercallHandler = (context, { caller, args }) => {
  const domid = subject(args);
  if (!isHvm(context, domid)) return { ret: -errno.EINVAL };
  const pirq = argNumber(args, 'machine_irq');
  const irq = irqOfPirq(context, domid, pirq);
  if (!isPermitted(context, caller, 'irq', irq)) return { ret: -errno.EPERM };
  if (context.env.policies.iommu !== 'on') return { ret: -errno.ESRCH };
  if (pirq >= nrPirqs(context.state, context.env, domid)) return { ret: -errno.EINVAL };
  switch (typeOf(args)) {
    case ptIrqType.MSI:
      return { ret: bindGuestMsi(context, domid, pirq, irq, args) };
    case ptIrqType.PCI:
    case ptIrqType.MSI_TRANSLATE:
      return { ret: bindIntx(context, domid, pirq, irq, args) };
    default:
      return { ret: -errno.EOPNOTSUPP };
  }
};

/** First bind or a new vector and destination in place; a pirq bound as INTx is busy. */
export function bindGuestMsi(
  context: Context,
  domid: DomainId,
  pirq: number,
  irq: number,
  args: Call['args'],
): number {
  const bound = context.state.irq.domains[domid]?.bindings[pirq];
  if (bound !== undefined && bound.as !== 'msi') return -errno.EBUSY;
  if (bound === undefined) {
    const may = mayBind(context, irq, false);
    if (may !== 0) return may;
    const msi = msiOf(context, irq);
    if (argNumber(args, 'gtable') !== 0 && msi === null) return -errno.EINVAL;
  }
  const gflags = argNumber(args, 'gflags');
  context.emit('xen', 'pirq.bound', {
    domid,
    pirq,
    irq,
    as: 'msi',
    shares: false,
    device: null,
    intx: null,
    gvec: argNumber(args, 'gvec') & 0xff,
    gflags: (gflags & ~UNMASKED) >>> 0,
  });
  return 0;
}

/** An INTx line of a guest slot; several lines may share one pirq. A hardware domain binds its GSIs one to one. */
function bindIntx(context: Context, domid: DomainId, pirq: number, irq: number, args: Call['args']): number {
  const isTranslated = typeOf(args) === ptIrqType.MSI_TRANSLATE;
  const isHardware = context.state.domains[domid]?.hardware === true;
  if (isHardware && (isTranslated || pirq >= nrGsis(context.env))) return -errno.EINVAL;
  const bound = context.state.irq.domains[domid]?.bindings[pirq];
  if (bound === undefined) {
    const may = mayBind(context, irq, !isTranslated);
    if (may !== 0) return may;
  }
  context.emit('xen', 'pirq.bound', {
    domid,
    pirq,
    irq,
    as: bound?.as ?? (isTranslated ? 'msi-translate' : 'pci'),
    shares: bound !== undefined || !isTranslated,
    device: isHardware ? null : argNumber(args, 'device') & 0xff,
    intx: isHardware ? null : argNumber(args, 'intx') & 0xff,
    gvec: null,
    gflags: null,
  });
  return 0;
}

const unbindX86: HypercallHandler = (context, { caller, args }) => {
  const domid = subject(args);
  if (!isHvm(context, domid)) return { ret: -errno.EINVAL };
  const pirq = argNumber(args, 'machine_irq');
  const irq = irqOfPirq(context, domid, pirq);
  if (!isPermitted(context, caller, 'irq', irq)) return { ret: -errno.EPERM };
  if (context.env.policies.iommu !== 'on') return { ret: 0 };
  const type = typeOf(args);
  if (type === ptIrqType.MSI) {
    if (irq <= 0) return { ret: -errno.EINVAL };
  } else if (type !== ptIrqType.PCI && type !== ptIrqType.MSI_TRANSLATE) return { ret: -errno.EOPNOTSUPP };
  const bindings = context.state.irq.domains[domid]?.bindings ?? {};
  const bound = bindings[pirq];
  if (type === ptIrqType.MSI) {
    if (bound !== undefined && bound.lines.length === 0)
      context.emit('xen', 'pirq.unbound', { domid, pirq, irq, device: null, intx: null });
    return { ret: 0 };
  }
  const device = argNumber(args, 'device') & 0xff;
  const intx = argNumber(args, 'intx') & 0xff;
  const isHardware = context.state.domains[domid]?.hardware === true;
  const line = bound?.lines.find((candidate) => candidate.device === device && candidate.intx === intx);
  if (!isHardware && line === undefined) return { ret: -errno.EINVAL };
  if (bound !== undefined)
    context.emit('xen', 'pirq.unbound', {
      domid,
      pirq,
      irq,
      device: isHardware ? null : device,
      intx: isHardware ? null : intx,
    });
  return { ret: 0 };
};

/** ARM: shared peripheral interrupts only, one to one. @source facts/xen 6.2 (ARM bind) */
function bindSpi(context: Context, { caller, args }: Call, bind: boolean): { ret: number } {
  const domid = subject(args);
  if (typeOf(args) !== ptIrqType.SPI) return { ret: -errno.EOPNOTSUPP };
  const spi = argNumber(args, 'spi');
  const irq = argNumber(args, 'machine_irq');
  if (spi !== irq || spi < FIRST_SPI) return { ret: -errno.EINVAL };
  if (!isPermitted(context, caller, 'irq', irq)) return { ret: -errno.EPERM };
  const holder = context.state.irq.domains[domid]?.bindings[spi];
  if (bind && holder !== undefined) return { ret: -errno.EBUSY };
  if (!bind && holder === undefined) return { ret: -errno.EINVAL };
  if (bind)
    context.emit('xen', 'pirq.bound', {
      domid,
      pirq: spi,
      irq,
      as: 'spi',
      shares: false,
      device: null,
      intx: null,
      gvec: null,
      gflags: null,
    });
  else context.emit('xen', 'pirq.unbound', { domid, pirq: spi, irq, device: null, intx: null });
  return { ret: 0 };
}
