import { bdf, type Dom0Sbdf, devOf, fnOf, type GuestSbdf, sbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';

/**
 * The address a guest sees a device at. `vpci`: one bus, slots joined by functions of one real slot; `passthrough`: the
 * real address. Null when the bus is full. @source facts/dom0 4.5
 */
export function chooseAddress(context: Context, domid: number, device: Dom0Sbdf): GuestSbdf | null {
  if (context.state.pciback.passthrough) return device as unknown as GuestSbdf;
  const taken = Object.entries(context.state.pciback.backends[domid]?.devices ?? {}).map(
    ([address, held]) => ({ address: Number(address), held }),
  );
  const firstIn = (slot: number) =>
    taken.filter(({ address }) => devOf(address) === slot).toSorted((a, b) => a.address - b.address)[0];
  // A virtual function whose real function number is 0 stands alone. @source facts/dom0 4.5 (since 5.13)
  const standsAlone = fnOf(device) === 0 && isVirtual(context, device);
  if (!standsAlone) {
    for (let slot = 0; slot < 32; slot++) {
      const first = firstIn(slot);
      if (first === undefined || first.held >>> 3 !== device >>> 3) continue;
      if (fnOf(first.held) === 0 && isVirtual(context, first.held as Dom0Sbdf)) continue;
      return sbdf<GuestSbdf>(0, bdf(0, slot, fnOf(device)));
    }
  }
  for (let slot = 0; slot < 32; slot++) {
    if (firstIn(slot) === undefined) return sbdf<GuestSbdf>(0, bdf(0, slot, fnOf(device)));
  }
  return null;
}

const isVirtual = (context: Context, device: Dom0Sbdf): boolean =>
  context.state.linux.devices[device]?.physfn != null;

/** Root buses a backend publishes, as `dddd:bb`. */
export function publishedRoot(context: Context, address: GuestSbdf): string {
  const segment = context.state.pciback.passthrough ? Math.floor(address / 0x1_0000) : 0;
  const bus = context.state.pciback.passthrough ? (address >>> 8) & 0xff : 0;
  return `${segment.toString(16).padStart(4, '0')}:${bus.toString(16).padStart(2, '0')}`;
}
