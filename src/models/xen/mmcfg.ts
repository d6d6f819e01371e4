import { errno } from '../../base/errno.js';
import { mmcfgKey } from '../../state/irq.js';
import { argNumber, type HypercallHandler } from '../hypercall.js';
import { hardwareDomain } from './domains.js';
import { refreshExtended } from './vpci/attach.js';
import { vpciFeatures } from './vpci/features.js';
import { hasVpci } from './vpci/owner.js';
import { registerWindow } from './vpci/windows.js';

const RESERVED = 1;

/**
 * PHYSDEVOP_pci_mmcfg_reserved: Dom0 vouches for a window of firmware's table, or takes that back. Segment and both
 * buses must be one of Xen's own entries; "already so" is 0.
 * @source facts/xen 3.3
 */
export const pciMmcfgReserved: HypercallHandler = (context, { caller, args }) => {
  const flags = argNumber(args, 'flags');
  if ((flags & ~RESERVED) !== 0) return { ret: -errno.EINVAL };
  const segment = argNumber(args, 'segment');
  const startBus = argNumber(args, 'start_bus');
  const endBus = argNumber(args, 'end_bus');
  const bridge = context.env.platform.bridges.find(
    (candidate, index) =>
      candidate.access === 'mmcfg' &&
      (candidate.pciDomain ?? index) === segment &&
      candidate.busStart === startBus &&
      candidate.busEnd === endBus,
  );
  if (bridge === undefined) return { ret: -errno.ENODEV };
  // Firmware's entry names bus 0, the window starts at its first bus.
  if (argNumber(args, 'address') + startBus * 0x10_0000 !== bridge.cfgBase) return { ret: -errno.EIO };
  const enabled = (flags & RESERVED) !== 0;
  const known = context.state.irq.mmcfg[mmcfgKey(segment, startBus, endBus)] ?? true;
  if (known !== enabled) {
    context.emit('xen', 'mmcfg.changed', { segment, startBus, endBus, enabled });
    if (vpciFeatures(context.env).rebuildsAtMmcfg)
      refreshExtended(context, hardwareDomain(context), segment, startBus, endBus);
  }
  if (!enabled || !hasVpci(context, caller)) return { ret: 0 };
  return { ret: registerWindow(context, argNumber(args, 'address'), segment, startBus, endBus) };
};
