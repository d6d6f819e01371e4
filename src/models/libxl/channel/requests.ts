import type { ChannelVerb } from '../../../events/kinds/owners.js';
import type { ToolstackOp } from '../../../events/kinds/toolstack.js';
import type { Context } from '../../context.js';

/** What a step has to know from the hardware domain before it can run. */
export interface Need {
  readonly verb: ChannelVerb;
  /** Only where the kernel of the hardware domain keeps the list. */
  readonly forPciback?: true;
}

/** By command and step. Steps that are not named need nobody else. @source facts/dom0 8.3 to 8.8, 12.3 */
const needs: Readonly<Partial<Record<ToolstackOp, Readonly<Record<string, Need>>>>> = {
  'assignable-add': { 'bind-there': { verb: 'bind' } },
  'assignable-remove': { 'unbind-there': { verb: 'unbind' } },
  'assignable-list': { start: { verb: 'list', forPciback: true } },
  create: attachNeeds(),
  attach: attachNeeds(),
  detach: detachNeeds(),
  destroy: detachNeeds(),
};

function attachNeeds(): Readonly<Record<string, Need>> {
  return {
    seize: { verb: 'list', forPciback: true },
    'seize-bind-there': { verb: 'bind' },
    'check-assignable': { verb: 'list', forPciback: true },
    reset: { verb: 'reset' },
    'stub-grant': { verb: 'resources' },
    'stub-interrupt': { verb: 'irq' },
    'stub-permissive': { verb: 'permissive' },
    'stub-connected': { verb: 'groups' },
    'choose-functions': { verb: 'groups' },
    grant: { verb: 'resources' },
    interrupt: { verb: 'irq' },
    permissive: { verb: 'permissive' },
  };
}

function detachNeeds(): Readonly<Record<string, Need>> {
  return {
    revoke: { verb: 'resources' },
    'revoke-interrupt': { verb: 'irq' },
    reset: { verb: 'reset' },
  };
}

/** What the step needs from the other end; null when it can run by itself. */
export function needOf(context: Context, op: ToolstackOp, step: string): ChannelVerb | null {
  const need = needs[op]?.[step];
  if (need === undefined) return null;
  if (need.forPciback === true && context.env.policies.assignable !== 'pciback') return null;
  return need.verb;
}

/** Bytes of a request in the ring: a header of 16 and the names. */
export const requestBytes = (device: string, argument: string): number =>
  16 + device.length + argument.length;
/** Bytes of a reply: a header of 16 and what was read. */
export const replyBytes = (text: string): number => 16 + text.length;
