import { errno } from '../../../base/errno.js';
import type { Decider } from '../../context.js';
import { deviceOwner, driverDomainHas } from '../../xen/driver-domain.js';
import { XenstoreClient } from '../../xenstore/client.js';
import { runStep } from '../run.js';
import { EPIPE } from './send.js';
import { change, channelPath } from './server.js';

/**
 * The toolstack connects: it reads the two keys and maps the ring. Both ends say their version first; a server of
 * another version closes. @source tools/libs/vchan/init.c (libxenvchan_client_init)
 */
export const decideChannelDial: Decider<'vchan.dialled'> = (context, { data }) => {
  const { toolstack } = context.state.owners;
  const server = deviceOwner(context);
  if (toolstack === null || server === toolstack || !driverDomainHas(context, 'channel')) return;
  const store = new XenstoreClient(context, 'toolstack', `k${toolstack}`);
  const refuse = (ret: number, why: string): void => {
    context.emit('toolstack', 'vchan.refused', { errno: ret, why });
  };
  if (server === null) return refuse(-errno.ENOENT, 'there is no hardware domain');
  const keys = ['ring-ref', 'event-channel'].map((key) => store.read(`${channelPath(server)}/${key}`));
  if (keys.some((key) => key === null)) return refuse(-errno.ENOENT, `no keys below ${channelPath(server)}`);
  if (context.state.vchan.phase !== 'offered')
    return refuse(-errno.ECONNREFUSED, 'nobody waits for a client');
  if (context.state.vchan.version !== data.version) {
    const why = `the server speaks version ${context.state.vchan.version}, the client ${data.version}`;
    refuse(-errno.EOPNOTSUPP, why);
    change(context, `d${server}`, { phase: 'closed' }, why);
    return;
  }
  change(context, 'toolstack', { phase: 'open' }, 'the toolstack is connected');
};

/** The oldest reply reaches the command that asked, if that still waits for it. */
export const decideChannelDelivery: Decider<'vchan.delivered'> = (context) => {
  const { vchan, toolstack } = context.state;
  const reply = vchan.replies[0];
  if (reply === undefined || vchan.phase !== 'open') return;
  const job = toolstack.jobs[reply.job];
  const used = job?.waits === 'channel' && job.next !== null && job.vars['request'] === reply.id;
  context.emit('toolstack', 'vchan.received', { id: reply.id, used });
  if (used)
    runStep(context, reply.job, {
      by: 'reply',
      ok: reply.errno === 0,
      reply: reply.text,
      errno: reply.errno ?? 0,
    });
};

/** One side closes: it says so in the ring and wakes the other; commands that wait for an answer get none. */
export const decideChannelHangUp: Decider<'vchan.hung-up'> = (context, { data }) => {
  const { vchan, toolstack } = context.state;
  if (vchan.phase !== 'open' && vchan.phase !== 'offered') return;
  const server = vchan.server;
  if (data.side === 'server' && server !== null && context.state.domains[server] !== undefined) {
    new XenstoreClient(context, `d${server}`, `k${server}`).remove(channelPath(server));
  }
  change(
    context,
    data.side === 'server' ? `d${server}` : 'toolstack',
    { phase: 'closed' },
    `the ${data.side} closed it`,
  );
  for (const [key, job] of Object.entries(toolstack.jobs)) {
    if (job.next === null || job.waits !== 'channel') continue;
    runStep(context, Number(key), { by: 'reply', ok: false, reply: '', errno: -EPIPE });
  }
};
