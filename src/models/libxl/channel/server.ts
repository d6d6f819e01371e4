import type { DomainId } from '../../../base/brand.js';
import { kernelConnection } from '../../../state/pciback.js';
import { CHANNEL_KEYS, freeBytes, type VchanState } from '../../../state/vchan.js';
import type { Context, Decider } from '../../context.js';
import { deviceOwner, driverDomainHas } from '../../xen/driver-domain.js';
import { XenstoreClient } from '../../xenstore/client.js';
import { domainPath } from '../../xenstore/xenbus.js';
import { replyBytes } from './requests.js';
import { carryOut } from './work.js';

/** Grant and port of the channel, as the first ones a server gets; nothing depends on their values. */
const RING_REF = 9;
const EVENT_CHANNEL = 9;
/** The server takes a request only when a reply of any kind will fit: seven lines of `resource` are the longest. */
const LONGEST_REPLY_BYTES = replyBytes('x'.repeat(7 * 57));

/** Where the two keys of the channel stand. */
export const channelPath = (server: number): string => `${domainPath(server)}/${CHANNEL_KEYS}`;

/** The same channel in another state. */
export function change(
  context: Context,
  by: string,
  to: Partial<Pick<VchanState, 'phase' | 'server' | 'version' | 'ringBytes'>>,
  why: string,
): void {
  const { phase, server, version, ringBytes } = context.state.vchan;
  context.emit(by, 'vchan.changed', {
    phase,
    version,
    ringBytes,
    ...to,
    server: (to.server ?? server) as DomainId | null,
    why,
  });
}

/**
 * The hardware domain offers its channel: a ring, an event channel, and two keys in XenStore for whoever may connect.
 * Nobody offers one as Xen is built, and none is needed where the toolstack sits beside the hardware.
 * @source tools/libs/vchan/init.c (libxenvchan_server_init, init_xs_srv)
 */
export const decideChannelOffer: Decider<'vchan.offered'> = (context, { data }) => {
  const server = deviceOwner(context);
  const { toolstack } = context.state.owners;
  if (server === null || server === toolstack || !driverDomainHas(context, 'channel')) return;
  const store = new XenstoreClient(context, `d${server}`, kernelConnection(server));
  const base = channelPath(server);
  store.transaction(() => {
    for (const [key, value] of [
      ['ring-ref', RING_REF],
      ['event-channel', EVENT_CHANNEL],
    ] as const) {
      store.write(`${base}/${key}`, String(value));
    }
  });
  change(context, `d${server}`, { phase: 'offered', server, ...data }, 'the server waits for a client');
};

/** One turn of the server: the oldest request is carried out and answered. */
export const decideChannelServe: Decider<'vchan.served'> = (context) => {
  const { vchan } = context.state;
  const request = vchan.requests[0];
  if (!vchan.serverRuns || vchan.phase !== 'open' || request === undefined) return;
  const by = `d${vchan.server}`;
  const free = freeBytes(vchan, vchan.replies);
  if (free < LONGEST_REPLY_BYTES) {
    context.emit(by, 'vchan.blocked', { side: 'server', needsBytes: LONGEST_REPLY_BYTES, freeBytes: free });
    return;
  }
  const { id, job, verb, device } = request;
  const work = carryOut(context, { ...request });
  context.emit(by, 'vchan.taken', { id });
  context.emit(by, 'vchan.answered', { id, job, verb, device, ...work, sizeBytes: replyBytes(work.text) });
};

/** The server dies over a request, before or after it did what was asked. Its live byte stays set: nobody is told. */
export const decideChannelLoss: Decider<'vchan.lost'> = (context, { data }) => {
  const { vchan } = context.state;
  const request = vchan.requests[0];
  if (!vchan.serverRuns || request === undefined) return;
  if (data.done) carryOut(context, { ...request });
  context.emit(`d${vchan.server}`, 'vchan.taken', { id: request.id });
  context.emit(`d${vchan.server}`, 'vchan.silent', {});
};
