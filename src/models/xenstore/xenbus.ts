import type { ReadonlyWorld } from '../../state/world.js';
import type { XenstoreClient } from './client.js';

/** Home of a domain in the store. */
export const domainPath = (domid: number): string => `/local/domain/${domid}`;
/**
 * The PCI backend's node for a guest; device number 0 always. @source facts/dom0 4.6
 *
 * @param backend Domain of the backend; libxl writes 0, a backend looks below its own home.
 */
export const backendPath = (domid: number, backend = 0): string =>
  `${domainPath(backend)}/backend/pci/${domid}/0`;
/** The same as the guest's end names it; below domain 0 where there is no such end. */
export const backendOf = (nodes: ReadonlyWorld['xenstore']['nodes'], domid: number): string =>
  nodes[`${frontendPath(domid)}/backend`]?.value ?? backendPath(domid);
export const frontendPath = (domid: number): string => `${domainPath(domid)}/device/pci/0`;

/** XenbusState of a node; 0 (unknown) when it is not there. */
export function readState(store: XenstoreClient, node: string): number {
  return Number(store.read(`${node}/state`) ?? '0');
}

/** `xenbus_switch_state`: looks and writes in one transaction, and leaves a vanished node alone. */
export function switchState(store: XenstoreClient, node: string, state: number): void {
  let gone = false;
  store.transactionIf(() => {
    gone = store.read(`${node}/state`) === null;
    if (!gone) store.write(`${node}/state`, String(state));
    return !gone;
  });
}

/** `xenbus_dev_error`: the text the administrator finds below `error/`. */
export function writeError(store: XenstoreClient, home: string, node: string, text: string): void {
  store.write(`${home}/error/${node}/error`, text);
}
