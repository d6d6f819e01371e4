import { reg } from '../../pci/header.js';
import { KnownConfig } from '../text/known-config.js';
import type { Block } from './block.js';
import { classCode } from './class-names.js';
import {
  capabilityIds,
  decodeCapabilityField,
  decodeCapabilityHead,
  extendedIds,
} from './decode-capability.js';
import type { Flags } from './flags.js';
import { decodeRegion, type Place, tellFlags } from './tell.js';

/**
 * Configuration space as far as a listing tells it. Bytes of `-x` are exact; decoded text gives the bits that it names,
 * all others stay unknown.
 * @source lspci of pciutils 3.9: ls-vpd.c, lspci.c (show_verbose), ls-caps.c, ls-ecaps.c as formats
 */
export function decodeBlock(block: Block): KnownConfig {
  const config = new KnownConfig();
  for (const { offset, bytes } of block.rows)
    bytes.forEach((byte, i) => {
      config.tell(offset + i, 1, byte);
    });
  if (block.rows.length > 0) return config;
  decodeTitle(config, block.title);
  let place: Place | null = null;
  const isBridge = /bridge/i.test(block.title) || block.fields.some((field) => field.startsWith('Bus: '));
  const chain: Place[] = [];
  let isChainWhole = false;
  for (const field of block.fields) {
    const head = CAPABILITY.exec(field);
    if (head !== null) {
      place = capabilityAt(head);
      if (place === null) continue;
      chain.push(place);
      decodeCapabilityHead(config, place, head[3]!);
    } else if (/^(?:Kernel (?:driver|modules)|IOMMU group)/.test(field)) {
      isChainWhole = /^Kernel/.test(field) && chain.length > 0;
      place = null;
    } else if (place !== null) decodeCapabilityField(config, place, field);
    else decodeField(config, field, isBridge);
  }
  decodeChain(config, chain, isChainWhole);
  return config;
}

const CAPABILITY = /^Capabilities: \[([0-9a-f]{2,3})(?: v(\d+))?\] (.*)$/i;

function capabilityAt(head: RegExpExecArray): Place | null {
  const at = Number.parseInt(head[1]!, 16);
  const version = head[2] === undefined ? null : Number(head[2]);
  const isExtended = at >= 0x100;
  if (at < 0x40) return null;
  const names = isExtended ? extendedIds : capabilityIds;
  const id = names.find(([name]) => name.test(head[3]!))?.[1] ?? null;
  return { at, id, version: isExtended ? version : null };
}

/** Pointers from one capability to the next, in the order of the list. */
function decodeChain(config: KnownConfig, chain: readonly Place[], isWhole: boolean): void {
  const first = chain[0];
  if (first !== undefined && first.at < 0x100) config.tell(reg.capabilityPointer, 1, first.at);
  chain.forEach(({ at, id, version }, i) => {
    const next = chain[i + 1];
    const sameList = next !== undefined && next.at >= 0x100 === at >= 0x100;
    // The first list ends where the second begins; the second where the listing goes on with something else.
    const end = next !== undefined ? !sameList : isWhole;
    const pointer = sameList ? next.at : end ? 0 : null;
    if (at < 0x100) {
      if (id !== null) config.tell(at, 1, id);
      if (pointer !== null) config.tell(at + 1, 1, pointer);
      return;
    }
    if (id !== null) config.tell(at, 2, id);
    if (version !== null) config.tell(at + 2, 1, version, 0x0f);
    if (pointer !== null) config.tell(at + 2, 2, pointer << 4, 0xfff0);
  });
}

function decodeTitle(config: KnownConfig, title: string): void {
  // With -n the class and the ids stand alone: `0604: 8086:a33c (rev f0)`.
  const bare = /^([0-9a-f]{4}): ([0-9a-f]{4}):([0-9a-f]{4})\b/i.exec(title);
  const [, name = '', number] = bare === null ? (/^(.*?)(?: \[([0-9a-f]{4})\])?: /i.exec(title) ?? []) : [];
  const code = bare?.[1] ?? number;
  const known = code === undefined ? classCode(name) : Number.parseInt(code, 16);
  if (known !== null) config.tell(reg.classDevice, 2, known);
  // The last pair in brackets is the function's: device names may have some of their own.
  const ids = bare?.slice(2) ?? [...title.matchAll(/\[([0-9a-f]{4}):([0-9a-f]{4})\]/gi)].at(-1)?.slice(1);
  if (ids !== undefined)
    config
      .tell(reg.vendorId, 2, Number.parseInt(ids[0]!, 16))
      .tell(reg.deviceId, 2, Number.parseInt(ids[1]!, 16));
  const revision = /\(rev ([0-9a-f]{2})\)/i.exec(title)?.[1];
  if (revision !== undefined) config.tell(reg.revision, 1, Number.parseInt(revision, 16));
  const interfaceCode = /\(prog-if ([0-9a-f]{2})\b/i.exec(title)?.[1];
  if (interfaceCode !== undefined) config.tell(reg.classProg, 1, Number.parseInt(interfaceCode, 16));
}

const COMMAND: Flags = {
  'I/O': 0,
  Mem: 1,
  BusMaster: 2,
  SpecCycle: 3,
  MemWINV: 4,
  VGASnoop: 5,
  ParErr: 6,
  Stepping: 7,
  SERR: 8,
  FastB2B: 9,
  DisINTx: 10,
};
const STATUS: Flags = {
  INTx: 3,
  Cap: 4,
  '66MHz': 5,
  UDF: 6,
  FastB2B: 7,
  ParErr: 8,
  '>TAbort': 11,
  '<TAbort': 12,
  '<MAbort': 13,
  '>SERR': 14,
  '<SERR': 14,
  '<PERR': 15,
};
const BRIDGE_CONTROL: Flags = {
  Parity: 0,
  SERR: 1,
  NoISA: 2,
  VGA: 3,
  VGA16: 4,
  MAbort: 5,
  '>Reset': 6,
  FastB2B: 7,
  PriDiscTmr: 8,
  SecDiscTmr: 9,
  DiscTmrStat: 10,
  DiscTmrSERREn: 11,
};
const SPEEDS = ['fast', 'medium', 'slow', '??'];

/** @param isBridge Its subsystem is told by a capability and stands elsewhere. */
function decodeField(config: KnownConfig, field: string, isBridge: boolean): void {
  const [, word = '', rest = ''] = /^([^:]+):?\s*(.*)$/.exec(field) ?? [];
  switch (word) {
    case 'Control':
      tellFlags(config, reg.command, 2, rest, COMMAND);
      return;
    case 'Status':
    case 'Secondary status':
      tellStatus(config, word === 'Status' ? reg.status : reg.secondaryStatus, rest);
      return;
    case 'BridgeCtl':
      tellFlags(config, reg.bridgeControl, 2, rest, BRIDGE_CONTROL);
      return;
    case 'Latency': {
      const timer = /^(\d+)\b/.exec(rest)?.[1];
      const line = /Cache Line Size: (\d+) bytes/.exec(rest)?.[1];
      if (timer !== undefined) config.tell(0x0d, 1, Number(timer));
      if (line !== undefined) config.tell(reg.cacheLineSize, 1, Number(line) / 4);
      return;
    }
    case 'Interrupt': {
      const pin = /^pin ([A-D])\b/.exec(rest)?.[1];
      // The line that it is routed to is the kernel's; the register keeps what firmware wrote.
      if (pin !== undefined) config.tell(reg.interruptPin, 1, pin.charCodeAt(0) - 64);
      return;
    }
    case 'Subsystem': {
      const ids = /\[?([0-9a-f]{4}):([0-9a-f]{4})\]?\s*$/i.exec(rest);
      if (ids === null || isBridge) return;
      config.tell(0x2c, 2, Number.parseInt(ids[1]!, 16)).tell(0x2e, 2, Number.parseInt(ids[2]!, 16));
      return;
    }
    case 'Bus': {
      const buses =
        /^primary=([0-9a-f]{2}), secondary=([0-9a-f]{2}), subordinate=([0-9a-f]{2}), sec-latency=(\d+)/i.exec(
          rest,
        );
      if (buses === null) return;
      config.tell(reg.headerType, 1, 1, 0x7f).tell(reg.secondaryLatency, 1, Number(buses[4]));
      for (let i = 0; i < 3; i++) config.tell(reg.primaryBus + i, 1, Number.parseInt(buses[i + 1]!, 16));
      return;
    }
    case 'I/O behind bridge':
    case 'Memory behind bridge':
    case 'Prefetchable memory behind bridge':
      decodeWindow(config, word, rest);
      return;
  }
  const region = /^Region (\d): (.*)$/.exec(field);
  if (region !== null) decodeRegion(config, reg.bar0 + 4 * Number(region[1]), region[2]!);
}

/**
 * The range of a bridge's window. The width that stands behind it is the kernel's idea of the range, not the bits of the
 * register, which stay unknown.
 */
function decodeWindow(config: KnownConfig, what: string, text: string): void {
  const range = /^([0-9a-f]+)-([0-9a-f]+)\b/i.exec(text);
  if (range === null) return;
  const [base, limit] = [Number.parseInt(range[1]!, 16), Number.parseInt(range[2]!, 16)];
  if (what.startsWith('I/O')) {
    config.tell(reg.ioBase, 1, base >>> 8, 0xf0).tell(reg.ioLimit, 1, limit >>> 8, 0xf0);
    return;
  }
  const isPrefetchable = what.startsWith('Prefetchable');
  const [baseReg, limitReg] = isPrefetchable
    ? [reg.prefBase, reg.prefLimit]
    : [reg.memoryBase, reg.memoryLimit];
  config.tell(baseReg, 2, Math.floor(base / 0x1_0000) % 0x1_0000, 0xfff0);
  config.tell(limitReg, 2, Math.floor(limit / 0x1_0000) % 0x1_0000, 0xfff0);
  if (isPrefetchable && base >= 2 ** 32) {
    config.tell(reg.prefBaseUpper, 4, Math.floor(base / 2 ** 32));
    config.tell(reg.prefLimitUpper, 4, Math.floor(limit / 2 ** 32));
  }
}

function tellStatus(config: KnownConfig, at: number, text: string): void {
  tellFlags(config, at, 2, text, STATUS);
  const speed = SPEEDS.indexOf(/DEVSEL=(\S+)/.exec(text)?.[1] ?? '');
  if (speed >= 0) config.tell(at, 2, speed << 9, 0x0600);
}
