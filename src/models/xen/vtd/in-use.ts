import { hasBehaviour } from '../../../policy/behaviours.js';
import type { Context } from '../../context.js';

/** Whether requests of devices are followed to memory on this machine: x86, in traces that have it. */
export const followsRequests = ({ env }: Pick<Context, 'env'>): boolean =>
  env.platform.arch === 'x86_64' && hasBehaviour(env.behaviour, 'vtd-translates');

/** Whether Xen drives VT-d there. */
export const hasVtd = (context: Pick<Context, 'env'>): boolean =>
  context.env.policies.iommu === 'on' && followsRequests(context);
