import type { ChannelVerb } from '../../../events/kinds/owners.js';
import { freeBytes } from '../../../state/vchan.js';
import type { Context } from '../../context.js';
import { requestBytes } from './requests.js';

/** Broken pipe; not among the errnos Xen speaks of. */
export const EPIPE = 32;

/** Puts a request into the ring. @returns its number; null when there is no room and the writer waits */
export function sendRequest(
  context: Context,
  job: number,
  verb: ChannelVerb,
  device: string,
  argument: string,
): number | null {
  const { vchan } = context.state;
  const sizeBytes = requestBytes(device, argument);
  const free = freeBytes(vchan, vchan.requests);
  if (free < sizeBytes) {
    context.emit('toolstack', 'vchan.blocked', { side: 'client', needsBytes: sizeBytes, freeBytes: free });
    return null;
  }
  const id = vchan.nextId;
  context.emit('toolstack', 'vchan.sent', { id, job, verb, device, argument, sizeBytes });
  return id;
}
