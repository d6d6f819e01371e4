import type { Context } from '../../context.js';

/** Ends a message nobody gets. */
export function drop(context: Context, reason: string): void {
  context.emit('hw', 'msi.dropped', { reason });
}
