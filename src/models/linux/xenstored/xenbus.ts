import type { XenstoreClient } from './client.js';

/** Home of a domain in the store. */
export const domainPath = (domid: number): string => `/local/domain/${domid}`;
/** The PCI backend's node for a guest; device number 0 always. @source facts/dom0 4.6 */
export const backendPath = (domid: number): string => `${domainPath(0)}/backend/pci/${domid}/0`;
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
