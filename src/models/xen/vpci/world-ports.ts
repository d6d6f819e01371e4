import type { DomainId } from '../../../base/brand.js';
import { hex } from '../../../base/hex.js';
import { busOf, segmentOf, type XenSbdf } from '../../../pci/sbdf.js';
import { mmcfgKey } from '../../../state/irq.js';
import type { Context } from '../../context.js';
import { allOnes, describeFunction, readConfig } from '../../hardware/config-space.js';
import { functionBehind, xenConfigWrite } from '../config-access.js';
import { hardwareDomain } from '../domains.js';
import type { BuildPorts } from './device.js';
import { vpciFeatures } from './features.js';
import { framesOf } from './frames.js';
import { requestInterrupt } from './interrupts.js';
import { devicesOf } from './owner.js';
import type { MappedBar, VpciPorts } from './ports.js';

/**
 * What building needs of the modelled machine. Reads leave no event, writes leave `config.performed`; what is mapped,
 * bound and logged does too.
 */
export function buildPorts(
  context: Context,
  name: XenSbdf,
  domid: DomainId,
  defersMapping = true,
): BuildPorts {
  const fn = functionBehind(context.state, context.env, name);
  const described = fn === null ? undefined : describeFunction(context.env.platform, fn);
  return {
    features: vpciFeatures(context.env),
    arch: context.env.platform.arch,
    isHardwareDomain: domid === hardwareDomain(context),
    hasExtendedConfig: (described?.config.length ?? 0) > 256 && hasWindow(context, name),
    ignoresBars: false,
    defersMapping,
    hwRead: (reg, size) => (fn === null ? allOnes(size) : readConfig(context, fn, reg, size)),
    hwWrite: (reg, size, value) => xenConfigWrite(context, name, reg, size, value),
    map: (bar, ranges, mapped) => {
      for (const { first, last } of ranges)
        context.emit('xen', 'vpci.mapped', {
          sbdf: name,
          domid,
          bar,
          first: hex(first),
          last: hex(last),
          mapped,
        });
      return 0;
    },
    mappedBars: () => mappedBars(context, name, domid),
    // xpr's platforms say nothing of the host's memory map yet.
    hostMemory: () => [],
    interrupt: (request) => requestInterrupt(context, name, domid, request),
    warn: (message) => {
      context.emit('xen', 'vpci.warned', { sbdf: name, message });
    },
  };
}

/** Ports of a function that is attached: its changes are events. */
export function devicePorts(context: Context, name: XenSbdf): VpciPorts | null {
  const attached = context.state.vpci.devices[name];
  if (attached === undefined) return null;
  return {
    ...buildPorts(context, name, attached.domid as DomainId),
    device: () => context.state.vpci.devices[name]!,
    change: (part, index, fields) => {
      context.emit('xen', 'vpci.changed', { sbdf: name, part, index, fields });
    },
  };
}

/** x86 reaches registers from 256 on through MMCFG only, while its window is on. @source facts/xen 3.2, 3.3 */
function hasWindow({ env, state }: Context, name: XenSbdf): boolean {
  if (env.platform.arch === 'arm64') return true;
  const bus = busOf(name);
  const bridge = env.platform.bridges.find(
    (candidate, index) =>
      (candidate.pciDomain ?? index) === segmentOf(name) &&
      bus >= candidate.busStart &&
      bus <= candidate.busEnd,
  );
  if (bridge?.access !== 'mmcfg') return false;
  return state.irq.mmcfg[mmcfgKey(segmentOf(name), bridge.busStart, bridge.busEnd)] ?? true;
}

function* mappedBars({ state }: Context, name: XenSbdf, domid: DomainId): Iterable<MappedBar> {
  for (const [other, { bars }] of devicesOf(state, domid)) {
    for (const bar of bars) {
      const frames = bar.enabled ? framesOf(bar.guestLo, bar.guestHi, bar.sizeLo, bar.sizeHi) : null;
      if (frames !== null) yield { ...frames, isSameFunction: other === name, isRom: bar.type === 'rom' };
    }
  }
}
