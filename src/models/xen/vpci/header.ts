import { errno } from '../../../base/errno.js';
import type { VpciBar, VpciBarType } from '../../../state/vpci.js';
import { applyMap, COMMAND, COMMAND_MEMORY, modifyBars, romRegister, sizeBar } from './bars.js';
import { addRule, type Builder } from './builder.js';
import { initGuestCapabilities, initStatus } from './capabilities.js';

const HEADER_TYPE = 0x0e;
const FIRST_BAR = 0x10;
/** Reserved 15:11, fast back-to-back, SERR, wait, parity, I/O. @source facts/xen 5.5 */
const GUEST_COMMAND_RSVDP = 0xfbc1;
/** VGA palette, invalidate, special cycles, master, memory, I/O. @source xen/drivers/vpci/header.c (vpci_init_header) at RELEASE-4.19.0 */
const GUEST_START_CLEARED = 0x003f;
const SPECIAL_CYCLES = 0x0008;

/** `vpci_init_header`. @returns 0 or a negative errno that gives the device up. @source facts/xen 5.5 */
export function initHeader(build: Builder): number {
  const { ports, device } = build;
  const { features, isHardwareDomain } = ports;
  const layout = ports.hwRead(HEADER_TYPE, 1) & 0x7f;
  if (layout > 1) return -errno.EOPNOTSUPP;
  device.header.barCount = layout === 0 ? 6 : 2;
  const added = addRule(build, {
    offset: COMMAND,
    size: 2,
    read: isHardwareDomain ? 'hw' : 'guest-command',
    write: 'command',
    rsvdp: isHardwareDomain ? 0 : GUEST_COMMAND_RSVDP,
  });
  if (added !== 0) return added;
  if (features.handlesStatusOfHardwareDomain) {
    const ret = isHardwareDomain ? initStatus(build, false) : initGuestCapabilities(build);
    if (ret !== 0) return ret;
  }
  return ports.ignoresBars ? 0 : initBars(build);
}

function initBars(build: Builder): number {
  const { ports, device } = build;
  let command = ports.hwRead(COMMAND, 2);
  if (!ports.isHardwareDomain)
    command &= ~(ports.features.clearsSpecialCycles
      ? GUEST_START_CLEARED
      : GUEST_START_CLEARED & ~SPECIAL_CYCLES);
  device.header.guestCommand = command;
  const decodes = (command & COMMAND_MEMORY) !== 0;
  if (!ports.isHardwareDomain || decodes) ports.hwWrite(COMMAND, 2, command & ~COMMAND_MEMORY);
  for (let i = 0; i < device.header.barCount; i++) {
    const ret = initBar(build, i);
    if (ret === 0) continue;
    ports.hwWrite(COMMAND, 2, command);
    return ret;
  }
  const ret = initRom(build);
  if (ret !== 0) {
    ports.hwWrite(COMMAND, 2, command);
    return ret;
  }
  if (!decodes) return 0;
  const work = modifyBars(ports, command, false);
  if (typeof work === 'number') return work;
  if (!ports.defersMapping) return applyMap(ports, work, true);
  build.pending = work;
  return 0;
}

function initBar(build: Builder, index: number): number {
  const { ports, device } = build;
  const offset = FIRST_BAR + index * 4;
  const bar = device.bars[index]!;
  const own = ports.isHardwareDomain;
  const handled = {
    offset,
    size: 4,
    read: own ? 'hw' : 'guest-bar',
    write: own ? 'bar' : 'guest-bar',
  } as const;
  if (index > 0 && device.bars[index - 1]!.type === 'mem64-lo') {
    bar.type = 'mem64-hi';
    return addRule(build, { ...handled, arg: index });
  }
  const value = ports.hwRead(offset, 4);
  if ((value & 1) === 1) {
    bar.type = 'io';
    return own || ports.arch === 'x86_64' ? 0 : addZero(build, offset);
  }
  const type: VpciBarType = (value & 6) === 4 ? 'mem64-lo' : 'mem32';
  const sized = sizeBar(ports, offset, index === device.header.barCount - 1 ? 'last' : 'plain');
  if (sized.sizeLo === 0 && sized.sizeHi === 0) return own ? 0 : addZero(build, offset);
  place(bar, { ...sized, type, prefetchable: (value & 8) !== 0 });
  return addRule(build, { ...handled, arg: index });
}

/** The expansion ROM; unprivileged domains have none. */
function initRom(build: Builder): number {
  const { ports, device } = build;
  const index = device.header.barCount;
  const offset = romRegister(index);
  if (!ports.isHardwareDomain) return addZero(build, offset);
  const sized = sizeBar(ports, offset, 'rom');
  if (sized.sizeLo === 0 && sized.sizeHi === 0) return 0;
  device.header.romEnabled = (ports.hwRead(offset, 4) & 1) === 1;
  // A register that cannot be had only costs the ROM.
  if (addRule(build, { offset, size: 4, read: 'hw', write: 'rom', arg: index }) === 0)
    place(device.bars[index]!, { ...sized, type: 'rom' });
  return 0;
}

function place(bar: VpciBar, fields: Partial<VpciBar> & { addressLo: number; addressHi: number }): void {
  Object.assign(bar, fields, { guestLo: fields.addressLo, guestHi: fields.addressHi });
}

const addZero = (build: Builder, offset: number): number =>
  addRule(build, { offset, size: 4, read: 'value', write: 'ignored', arg: 0 });
