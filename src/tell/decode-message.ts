import { decodeX86Message, isX86Doorbell } from '../pci/x86-message.js';
import { xgeneHit, xgeneVector } from '../pci/xgene-msi.js';
import { controllerAt, doorbellStart } from '../platform/doorbells.js';
import { v2mInterrupt } from '../platform/gicv2m.js';
import type { MsiController, Platform } from '../platform/platform.js';

/** What an interrupt message says to the controller its address belongs to. */
export interface DecodedMessage {
  readonly what: string;
  readonly read: Readonly<Record<string, string | number | boolean | null>>;
}

/** A message taken apart; null when its address is no doorbell, so that the write goes to memory. */
export function decodeMessage(address: number, data: number, platform: Platform): DecodedMessage | null {
  if (isX86Doorbell(address)) {
    const read = decodeX86Message(address, data);
    return read === null ? null : { what: 'interrupt message of x86', read: { ...read } };
  }
  const controller = controllerAt(platform, address);
  return controller === null ? null : readByController(controller, address, data);
}

/** @source facts/arm-msi-iommu 7.3 */
function readByController(controller: MsiController, address: number, data: number): DecodedMessage {
  const what = (register: string): string => `write of ${register} at ${controller.node}`;
  switch (controller.model) {
    case 'its':
      return { what: what('GITS_TRANSLATER'), read: { eventId: data } };
    case 'gicv2m':
      return { what: what('MSI_SETSPI_NS'), read: { spi: v2mInterrupt(controller, data) } };
    case 'xgene': {
      const place = xgeneHit(address - doorbellStart(controller), data);
      return {
        what: what('MSInIRx'),
        read: place === null ? { vector: null } : { ...place, vector: xgeneVector(place) },
      };
    }
    case 'nwl':
    case 'axi':
      return { what: what('the MSI window'), read: { event: data } };
  }
}
