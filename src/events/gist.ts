import { assertNever } from '../base/assert.js';
import { ownerText } from '../base/domid.js';
import { hex } from '../base/hex.js';
import type { RequestPart } from './kind.js';

/** A value behind other words; nothing for none. */
export const valueText = (value: number | null): string => (value === null ? '' : ` ${hex(value)}`);

/** A request of a device ended there. */
export const ended = (where: string): RequestPart => ({ is: 'ended', where });

/** Whose memory a request reached. */
export function memoryText(data: {
  readonly whose: 'guest' | 'page-table' | 'xen' | 'nobody';
  readonly owner: number | null;
}): string {
  switch (data.whose) {
    case 'guest':
      return `memory of ${ownerText(data.owner)}`;
    case 'page-table':
      return `a page table of ${ownerText(data.owner)}`;
    case 'xen':
      return "Xen's memory";
    case 'nobody':
      return 'memory nobody was given';
    default:
      return assertNever(data.whose);
  }
}
