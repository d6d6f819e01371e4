import type { DomainId } from '../../../base/brand.js';
import { containsRange, overlapsRange } from '../../../base/rangeset.js';
import { busOf, type GuestSbdf } from '../../../pci/sbdf.js';
import type { Context } from '../../context.js';
import { guestOf, type ReadonlyGuest } from '../ioreq/guest.js';

export const nameOn = (bus: number, devfn: number): GuestSbdf => (bus * 256 + devfn) as GuestSbdf;

/** Every name on a bus. */
const wholeBus = (bus: number): readonly [number, number] => [nameOn(bus, 0), nameOn(bus, 0xff)];

/** Notes that what servers registered on a bus, and what stands behind no other port, stands behind this one. */
export function placeServers(context: Context, domid: DomainId, port: GuestSbdf, bus: number): void {
  const servers = guestOf(context, domid)?.servers ?? [];
  for (const [server, known] of servers.entries()) {
    if (known === null || !overlapsRange(known.ranges[2], ...wholeBus(bus))) continue;
    const placed = context.state.mmconfig[domid]?.placed ?? {};
    // A server that is known to stand behind some port keeps its place: only its own calls move it.
    if (Object.values(placed).some((byServer) => byServer[server] === bus)) continue;
    if (placed[port]?.[server] !== undefined) continue;
    context.emit('xen', 'registration.placed', { domid, port, server, bus });
  }
}

/** A server registered functions: those on the bus of a known port stand behind it now. */
export function serverMapped(
  context: Context,
  domid: DomainId,
  server: number,
  start: number,
  end: number,
): void {
  for (const [port, { bus }] of Object.entries(context.state.mmconfig[domid]?.ports ?? {})) {
    const [first, last] = wholeBus(bus);
    if (bus === 0 || end < first || start > last) continue;
    const sbdf = Number(port) as GuestSbdf;
    if (context.state.mmconfig[domid]?.placed[sbdf]?.[server] !== bus)
      context.emit('xen', 'registration.placed', { domid, port: sbdf, server, bus });
  }
}

/**
 * The name under which a server registered what the guest calls `name` now, and the server; ids from 7 down. Null: the
 * bus stands behind no port any more, or nobody has registered the function. @source facts/xen 4.5, 13.3
 */
export function registeredName(
  context: Context,
  guest: ReadonlyGuest,
  domid: DomainId,
  name: GuestSbdf,
): { readonly server: number; readonly name: GuestSbdf } | null {
  const bus = busOf(name);
  const { ports = {}, placed = {} } = context.state.mmconfig[domid] ?? {};
  const port = Object.keys(ports).find((one) => ports[Number(one)]!.bus === bus);
  for (let id = guest.servers.length - 1; id >= 0; id--) {
    const server = guest.servers[id];
    if (server === null || server === undefined || !server.enabled) continue;
    const behind = port === undefined ? undefined : placed[Number(port)]?.[id];
    if (behind === undefined && standsElsewhere(placed, ports, id, bus)) continue;
    const registered = nameOn(behind ?? bus, name & 0xff);
    if (containsRange(server.ranges[2], registered, registered)) return { server: id, name: registered };
  }
  return null;
}

/** What a server registered on a bus stands behind a port that has another number now. */
function standsElsewhere(
  placed: Readonly<Record<number, Readonly<Record<number, number>>>>,
  ports: Readonly<Record<number, { readonly bus: number }>>,
  server: number,
  bus: number,
): boolean {
  return Object.entries(placed).some(
    ([port, byServer]) => byServer[server] === bus && ports[Number(port)]?.bus !== bus,
  );
}

/** The root port a registered function stands behind, with its bus now; null where Xen knows none. */
export function portAbove(
  context: Context,
  domid: DomainId,
  server: number,
  registered: GuestSbdf,
): { readonly port: GuestSbdf; readonly bus: number } | null {
  const { ports = {}, placed = {} } = context.state.mmconfig[domid] ?? {};
  for (const [port, byServer] of Object.entries(placed)) {
    const bus = ports[Number(port)]?.bus ?? 0;
    if (byServer[server] === busOf(registered) && bus !== 0) return { port: Number(port) as GuestSbdf, bus };
  }
  return null;
}
