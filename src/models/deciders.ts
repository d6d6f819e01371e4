import type { Deciders } from './context.js';
import { decideConfigRequest } from './entry/config-access.js';
import { decideDma } from './entry/dma.js';
import { decideMsiService } from './entry/raise.js';
import { decideMsiWrite } from './entry/send.js';
import { decideTouch } from './entry/touch.js';
import { decideMsiEnd, decideMsiRaise, decideVectorRead, decideVectorWrite } from './entry/vectors.js';
import { decideBridgeStep } from './hardware/bridge-init.js';
import { decideChannelDelivery, decideChannelDial, decideChannelHangUp } from './libxl/channel/client.js';
import { decideChannelLoss, decideChannelOffer, decideChannelServe } from './libxl/channel/server.js';
import {
  decideToolstackAnswer,
  decideToolstackRequest,
  decideToolstackStep,
  decideToolstackTimeout,
} from './libxl/toolstack.js';
import { decideDescribed } from './linux/described.js';
import { decideEnumerated } from './linux/enumerated.js';
import { decideScan } from './linux/enumeration.js';
import { decideBridgeProbe, decideBridgeUnbind } from './linux/host-bridge.js';
import { decidePcibackWake } from './linux/pciback/backend.js';
import { decideAerReport, decidePcibackLoad, decidePcibackUnload } from './linux/pciback/module.js';
import { decideAerAnswer, decideAerExpiry, decideAerRaise } from './linux/pciback/recovery.js';
import {
  decideFrontendProbe,
  decideFrontendShutdown,
  decideFrontendWake,
} from './linux/pcifront/frontend.js';
import { decideExpiry, decideServe, decideSubmit, decideTake } from './linux/pciif/operations.js';
import { decideHang } from './linux/reset.js';
import { decideSplitRequest } from './linux/split-driver.js';
import { decideGuestResume, decideGuestSuspend } from './linux/suspend/guest.js';
import { decideHostSleep, decideHostWake } from './linux/suspend/host.js';
import { decideSysfsRequest } from './linux/sysfs.js';
import { decideDriverProbe, decideSurvey } from './linux/tree/host.js';
import { decideSlotDown, decideSlotUp } from './linux/tree/hotplug.js';
import { decideXenBoot } from './xen/boot.js';
import { decideSignal } from './xen/chipset/signal.js';
import { decideDomainDestroyed } from './xen/domain-destroy.js';
import { decideIommuService } from './xen/guest-msi/from-fault.js';
import { decideMsiReset } from './xen/guest-msi/release.js';
import { decideHypercall } from './xen/hypercalls.js';
import { decideIoRequest } from './xen/ioreq/access.js';
import { decideBroadcast, decideIoreqServed } from './xen/ioreq/settle.js';
import { decideItsCommand } from './xen/its/virtual-its.js';
import { decideStaticWish } from './xen/static-assignment.js';
import { decideOwnerEnd, decideStoreLoss, decideSystemBoot } from './xen/system-boot.js';
import {
  decideXenstoreAnnouncement,
  decideXenstoreDisconnect,
  decideXenstoreRequest,
} from './xenstore/store.js';

/** For inputs that only change state: their reducers say everything. */
const nothingFollows = (): void => {};

/** Who decides what follows from each input. A missing line does not compile. */
export const deciders: Deciders = {
  'hypercall.issued': decideHypercall,
  'config.requested': decideConfigRequest,
  'bridge.probed': decideBridgeProbe,
  'bridge.unbound': decideBridgeUnbind,
  'log.printed': nothingFollows,
  'log.typed': nothingFollows,
  'machine.told': nothingFollows,
  'device.plugged': nothingFollows,
  'device.unplugged': nothingFollows,
  'device.hung': decideHang,
  'device.reset': decideMsiReset,
  'dma.attempted': decideDma,
  'registers.touched': decideTouch,
  'msi.written': decideMsiWrite,
  'its.commanded': decideItsCommand,
  'iommu.serviced': decideIommuService,
  'vector.written': decideVectorWrite,
  'vector.read': decideVectorRead,
  'msi.raised': decideMsiRaise,
  'msi.ended': decideMsiEnd,
  'msi.serviced': decideMsiService,
  'bridge.stepped': decideBridgeStep,
  'stage2.populated': nothingFollows,
  'memory.given': nothingFollows,
  'domain.created': nothingFollows,

  'domain.configured': nothingFollows,
  'domain.dying': nothingFollows,
  'domain.memory': nothingFollows,
  'io.requested': decideIoRequest,
  'ioreq.served': decideIoreqServed,
  'ioreq.drained': nothingFollows,
  'model.heard': nothingFollows,
  'function.signalled': decideSignal,
  'broadcast.requested': decideBroadcast,
  'xenstore.connected': nothingFollows,
  'xenstore.disconnected': decideXenstoreDisconnect,
  'xenstore.requested': decideXenstoreRequest,
  'xenstore.announced': decideXenstoreAnnouncement,
  'domain.destroyed': decideDomainDestroyed,
  'xen.booted': decideXenBoot,
  'grant.offered': nothingFollows,
  'grant.withdrawn': nothingFollows,
  'linux.enumerated': decideEnumerated,
  'linux.scanned': decideScan,
  'linux.surveyed': decideSurvey,
  'linux.driver-probed': decideDriverProbe,
  'linux.slot-enabled': decideSlotUp,
  'linux.slot-disabled': decideSlotDown,
  'linux.forgot': nothingFollows,
  'sysfs.requested': decideSysfsRequest,
  'pciback.loaded': decidePcibackLoad,
  'pciback.unloaded': decidePcibackUnload,
  'pciback.woke': decidePcibackWake,
  'pcifront.probed': decideFrontendProbe,
  'pcifront.woke': decideFrontendWake,
  'pcifront.shut-down': decideFrontendShutdown,
  'pciif.submitted': decideSubmit,
  'pciif.taken': decideTake,
  'pciif.served': decideServe,
  'pciif.expired': decideExpiry,
  'aer.reported': decideAerReport,
  'aer.raised': decideAerRaise,
  'aer.expired': decideAerExpiry,
  'pcifront.recovered': decideAerAnswer,
  'guest.suspended': decideGuestSuspend,
  'guest.resumed': decideGuestResume,
  'host.slept': decideHostSleep,
  'host.woke': decideHostWake,
  'toolstack.requested': decideToolstackRequest,
  'toolstack.stepped': decideToolstackStep,
  'toolstack.answered': decideToolstackAnswer,
  'toolstack.timed-out': decideToolstackTimeout,
  'toolstack.killed': nothingFollows,
  'channel.opened': nothingFollows,
  'channel.closed': nothingFollows,
  'split.requested': decideSplitRequest,
  'system.booted': decideSystemBoot,
  'hardware.described': decideDescribed,
  'owner.ended': decideOwnerEnd,
  'store.lost': decideStoreLoss,
  'static.wanted': decideStaticWish,
  'vchan.offered': decideChannelOffer,
  'vchan.dialled': decideChannelDial,
  'vchan.served': decideChannelServe,
  'vchan.delivered': decideChannelDelivery,
  'vchan.lost': decideChannelLoss,
  'vchan.hung-up': decideChannelHangUp,
};
