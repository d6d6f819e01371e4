import type { DomainId } from '../../base/brand.js';
import type { XenstoreOp } from '../../events/kinds/xenbus.js';
import { packed, type Wired } from './functions.js';
import { domctl, type Part } from './parts.js';

const CONN = 'script';

/**
 * A device given to a PV guest by a script instead of xl, as before libxl: the frames of its registers, its assignment,
 * whatever Xen answers, and the keys pciback and pcifront look for.
 */
export function* giveByHand(one: Wired, domid: number, frames: readonly (readonly [number, number])[]): Part {
  yield { kind: 'xenstore.connected', by: 'root', data: { conn: CONN, domid: 0 as DomainId } };
  for (const [first, count] of frames)
    yield* domctl('iomem_permission', domid, { first_mfn: first, nr_mfns: count, allow_access: 1 });
  yield* domctl('assign_device', domid, { dev: 0, flags: 0, machine_sbdf: packed(one) });
  const back = `/local/domain/0/backend/pci/${domid}/0`;
  const front = `/local/domain/${domid}/device/pci/0`;
  yield* make(front, `n${domid} r0`);
  yield* write(`${front}/backend`, back);
  yield* write(`${front}/backend-id`, '0');
  yield* write(`${front}/state`, '1');
  yield* make(back, `n0 r${domid}`);
  yield* write(`${back}/frontend`, front);
  yield* write(`${back}/frontend-id`, String(domid));
  yield* write(`${back}/online`, '1');
  yield* write(`${back}/dev-0`, one.name);
  yield* write(`${back}/state-0`, '1');
  yield* write(`${back}/num_devs`, '1');
  yield* write(`${back}/state`, '1');
}

function* ask(op: XenstoreOp, path: string, value: string | null): Part {
  yield { kind: 'xenstore.requested', by: 'root', data: { conn: CONN, op, path, value, tx: 0 } };
}

function* make(path: string, perms: string): Part {
  yield* ask('MKDIR', path, null);
  yield* ask('SET_PERMS', path, perms);
}

const write = (path: string, value: string): Part => ask('WRITE', path, value);
