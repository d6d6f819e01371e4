import type { DomainId } from '../../../base/brand.js';
import { mapPirqType } from '../../../events/abi/physdev.js';
import type { XenSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { irqOfPirq, mapMsi, unmapPirq } from '../pirq.js';
import { bindGuestMsi } from '../pt-irq.js';
import { msixRegions } from './msix-layout.js';
import type { InterruptRequest } from './ports.js';

const UNMASKED = 0x1_0000;

/**
 * Carries a request out with the domain's pirqs: what a toolstack does through map_pirq and bind_pt_irq, vPCI does
 * itself. @returns The first pirq for `map`, 0 for the others, or a negative errno. @source facts/xen 5.7, 6.2
 */
export function requestInterrupt(
  context: Context,
  name: XenSbdf,
  domid: DomainId,
  request: InterruptRequest,
): number {
  const { source, entry, action, addressLo, addressHi, data, pirq } = request;
  const shown = action === 'map' ? null : pirq;
  context.emit('xen', 'vpci.interrupt', {
    sbdf: name,
    source,
    entry,
    pirq: shown,
    action,
    addressLo,
    addressHi,
    data,
  });
  if (context.env.platform.arch === 'arm64') return 0;
  switch (action) {
    case 'map': {
      const isMsi = source === 'msi';
      const type = isMsi ? mapPirqType.MULTI_MSI : mapPirqType.MSI;
      const tableBase = isMsi ? 0 : tableAddress(context, name);
      const wanted = { name, entry: isMsi ? request.vectors : entry, tableBase };
      const mapped = mapMsi(context, domid, domid, -1, -1, type, wanted);
      return mapped.ret < 0 ? mapped.ret : mapped.pirq;
    }
    case 'bind':
      return bindGuestMsi(context, domid, pirq, irqOfPirq(context, domid, pirq), {
        gvec: data & 0xff,
        gflags: flagsOf(request),
      });
    case 'unbind': {
      const bound = context.state.irq.domains[domid]?.bindings[pirq];
      const irq = irqOfPirq(context, domid, pirq);
      if (bound !== undefined)
        context.emit('xen', 'pirq.unbound', { domid, pirq, irq, device: null, intx: null });
      return 0;
    }
    case 'unmap':
      return unmapPirq(context, domid, pirq);
    default:
      return 0;
  }
}

/** Destination and mode of a message as `bind_pt_irq` takes them. @source facts/xen 6.1, 6.2 (gflags) */
function flagsOf({ addressLo, data, masked }: InterruptRequest): number {
  return (
    ((addressLo >>> 12) & 0xff) |
    ((addressLo & 8) << 5) |
    ((addressLo & 4) << 7) |
    ((data & 0x700) << 4) |
    (data & 0x8000) |
    (masked ? 0 : UNMASKED)
  );
}

function tableAddress(context: Context, name: XenSbdf): number {
  const device = context.state.vpci.devices[name];
  const region = device === undefined ? null : msixRegions(device);
  return region === null ? 0 : region[0].addressHi * 2 ** 32 + region[0].addressLo;
}
