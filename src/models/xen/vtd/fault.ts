import type { DomainId, PhysicalAddress } from '../../../base/brand.js';
import type { FunctionId } from '../../../pci/function-id.js';
import { formatSbdf, type XenSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { xenConfigRead, xenConfigWrite } from '../config-access.js';

/** Fault reasons of DMA remapping the model comes to, as hardware numbers them and Xen words them. */
const reasons = {
  'no-root': { code: 1, text: 'Present bit in root entry is clear' },
  'no-context': { code: 2, text: 'Present bit in context entry is clear' },
  'not-writable': { code: 5, text: 'PTE Write access is not set' },
  'not-readable': { code: 6, text: 'PTE Read access is not set' },
} as const;

export type FaultReason = keyof typeof reasons;

export interface Fault {
  readonly fn: FunctionId;
  readonly requester: XenSbdf;
  readonly domid: DomainId | null;
  readonly address: number;
  readonly dir: 'read' | 'write';
  readonly reason: FaultReason;
}

/** Faults after which Xen stops a device. @source xen/include/xen/pci.h (PT_FAULT_THRESHOLD) */
const THRESHOLD = 10;
const COMMAND = 0x04;
const BUS_MASTER = 1 << 2;

/**
 * A fault record and what Xen's handler does with it: two lines, and from the tenth fault of a burst on it takes bus
 * mastering from the device that has the requester id, be that the bridge above the one that sent.
 * The handler is taken to run at once; in a real Xen it is a tasklet.
 * @source vtd/iommu.c (iommu_page_fault_do_one), passthrough/pci.c (pci_check_disable_device); facts/xen 10.4
 */
export function fault(context: Context, { fn, requester, domid, address, dir, reason }: Fault): void {
  const { code, text } = reasons[reason];
  const page = address - (address % 4096);
  context.emit('hw', 'vtd.faulted', {
    function: fn,
    requester,
    domid,
    address: page as PhysicalAddress,
    dir,
    reason: code,
    text,
  });
  const what = dir === 'write' ? 'DMA Write' : 'DMA Read';
  log(
    context,
    `[VT-D]DMAR:[${what}] Request device [${formatSbdf(requester)}] fault addr ${page.toString(16)}`,
  );
  log(context, `[VT-D]DMAR: reason ${code.toString(16).padStart(2, '0')} - ${text} on iommu:0`);
  const isKnown = context.state.xen.devices[requester] !== undefined;
  if (!isKnown || (context.state.vtd.faults[requester]?.count ?? 0) < THRESHOLD) return;
  const command = xenConfigRead(context, requester, COMMAND, 2);
  xenConfigWrite(context, requester, COMMAND, 2, command & ~BUS_MASTER);
}

const log = (context: Context, text: string): void => {
  context.emit('xen', 'xen.logged', { level: 'warning', text });
};
