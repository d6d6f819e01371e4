import { hexPad } from '../../../base/hex.js';
import { by } from '../devices.js';
import { resourceName, slot, type TreeDevice } from './device.js';
import { describe, flag, has } from './resource.js';
import type { Work } from './work.js';

/**
 * `pci_enable_device`: the bridges above first, then decoding for the kinds of resources there are, unless one has no
 * place. @returns whether it is enabled. @source drivers/pci/pci.c, setup-res.c of v6.1 (pci_enable_resources)
 */
export function enable(work: Work, device: TreeDevice): boolean {
  if (work.isEnabled(device)) return true;
  const above = device.bus.self;
  if (above !== null) enableBridge(work, above);
  if (!decode(work, device)) return false;
  const command = work.read(device, 0x04, 2);
  if (work.read(device, 0x3d, 1) !== 0 && (command & 0x400) !== 0)
    work.write(device, 0x04, 2, command & ~0x400);
  work.context.emit(by(work.context), 'linux.enable-changed', { sbdf: device.sbdf, enabled: true });
  return true;
}

function enableBridge(work: Work, bridge: TreeDevice): void {
  const { self } = bridge.bus;
  if (self !== null) enableBridge(work, self);
  if (!enable(work, bridge)) work.log(bridge, 'Error enabling bridge (-22), continuing');
  setMaster(work, bridge);
}

/** A port below which something changed gets its decoding set again. */
export function reenable(work: Work, bridge: TreeDevice): void {
  if (work.isEnabled(bridge) && !decode(work, bridge)) work.log(bridge, 'Error reenabling bridge (-22)');
  setMaster(work, bridge);
}

export function setMaster(work: Work, device: TreeDevice): void {
  const command = work.read(device, 0x04, 2);
  if ((command & 4) === 0) work.write(device, 0x04, 2, command | 4);
}

function decode(work: Work, device: TreeDevice): boolean {
  const before = work.read(device, 0x04, 2);
  let command = before;
  for (let index = 0; index < slot.count; index++) {
    const one = device.resources[index]!;
    if (!has(one, flag.io | flag.mem) || (index >= slot.vf && index <= slot.vfEnd)) continue;
    if (index === slot.rom && !has(one, flag.romEnable)) continue;
    const why = has(one, flag.unset) ? 'assigned' : one.parent === null ? 'claimed' : null;
    if (why !== null) {
      work.log(device, `${resourceName(index)} ${describe(one)}: not ${why}; can't enable device`);
      return false;
    }
    command |= has(one, flag.io) ? 1 : 2;
  }
  if (command !== before) {
    work.log(device, `enabling device (${hexPad(before, 4)} -> ${hexPad(command, 4)})`);
    work.write(device, 0x04, 2, command);
  }
  return true;
}
