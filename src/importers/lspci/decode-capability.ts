import { capability, extendedCapability } from '../../pci/capabilities.js';
import type { KnownConfig } from '../text/known-config.js';
import type { Flags } from './flags.js';
import { decodeRegion, type Place, tellFlags } from './tell.js';

type Named = readonly (readonly [name: RegExp, id: number])[];

/** @source PCI Code and ID Assignment; names as lspci prints them */
export const capabilityIds: Named = [
  [/^Power Management/, capability.powerManagement],
  [/^AGP3? version/, 0x02],
  [/^Vital Product Data/, 0x03],
  [/^Slot ID/, 0x04],
  [/^MSI:/, capability.msi],
  [/^CompactPCI hot-swap/, 0x06],
  [/^PCI-X /, 0x07],
  [/^HyperTransport/, 0x08],
  [/^Vendor Specific Information/, capability.vendorSpecific],
  [/^Debug port/, 0x0a],
  [/^Hot-plug capable/, capability.shpc],
  [/^Subsystem/, 0x0d],
  [/^Express /, capability.express],
  [/^MSI-X:/, capability.msix],
  [/^SATA HBA/, 0x12],
  [/^PCI Advanced Features/, 0x13],
  [/^Enhanced Allocation/, 0x14],
];

export const extendedIds: Named = [
  [/^Advanced Error Reporting/, extendedCapability.aer],
  [/^Virtual Channel/, 0x02],
  [/^Device Serial Number/, 0x03],
  [/^Power Budgeting/, 0x04],
  [/^Root Complex Link/, 0x05],
  [/^Vendor Specific Information/, extendedCapability.vendorSpecific],
  [/^Access Control Services/, extendedCapability.acs],
  [/^Alternative Routing-ID/, extendedCapability.ari],
  [/^Address Translation Service/, 0x0f],
  [/^Single Root I\/O Virtualization/, extendedCapability.sriov],
  [/^Page Request Interface/, 0x13],
  [/^Physical Resizable BAR/, 0x15],
  [/^Transaction Processing Hints/, 0x17],
  [/^Latency Tolerance Reporting/, 0x18],
  [/^Secondary PCI Express/, 0x19],
  [/^Process Address Space ID/, 0x1b],
  [/^Downstream Port Containment/, 0x1d],
  [/^L1 PM Substates/, 0x1e],
  [/^Precision Time Measurement/, 0x1f],
  [/^Data Link Feature/, 0x25],
  [/^Physical Layer 16\.0 GT\/s/, 0x26],
  [/^(?:Lane )?Margining/, 0x27],
];

const PORTS: readonly (readonly [name: RegExp, type: number])[] = [
  [/^Endpoint\b/, 0],
  [/^Legacy Endpoint\b/, 1],
  [/^Root Port\b/, 4],
  [/^Upstream Port\b/, 5],
  [/^Downstream Port\b/, 6],
  [/^PCI-Express to PCI\/PCI-X Bridge/, 7],
  [/^PCI\/PCI-X to PCI-Express Bridge/, 8],
  [/^Root Complex Integrated Endpoint/, 9],
  [/^Root Complex Event Collector/, 10],
];
const MSI: Flags = { Enable: 0, '64bit': 7, Maskable: 8 };
const MSIX: Flags = { Masked: 14, Enable: 15 };
const PM: Flags = { PMEClk: 3, DSI: 5, D1: 9, D2: 10 };
const PM_FROM: Flags = { D0: 11, D1: 12, D2: 13, D3hot: 14, D3cold: 15 };
const PM_STATUS: Flags = { NoSoftRst: 3, 'PME-Enable': 8, PME: 15 };
const AUX_MA = [0, 55, 100, 160, 220, 270, 320, 375];

/** What the first line of a capability says of its registers. */
export function decodeCapabilityHead(config: KnownConfig, place: Place, text: string): void {
  const { at, id } = place;
  if (at >= 0x100) {
    const serial = /^Device Serial Number ((?:[0-9a-f]{2}-){7}[0-9a-f]{2})/i.exec(text)?.[1];
    if (serial !== undefined)
      serial.split('-').forEach((byte, i) => {
        config.tell(at + 11 - i, 1, Number.parseInt(byte, 16));
      });
    return;
  }
  switch (id) {
    case capability.powerManagement: {
      const version = /version (\d)/.exec(text)?.[1];
      if (version !== undefined) config.tell(at + 2, 1, Number(version), 7);
      return;
    }
    case capability.msi: {
      tellFlags(config, at + 2, 2, text, MSI);
      const [, used, most] = /Count=(\d+)\/(\d+)/.exec(text) ?? [];
      if (used !== undefined)
        config.tell(at + 2, 1, (Math.log2(Number(used)) << 4) | (Math.log2(Number(most)) << 1), 0x7e);
      return;
    }
    case capability.msix: {
      tellFlags(config, at + 2, 2, text, MSIX);
      const count = /Count=(\d+)/.exec(text)?.[1];
      if (count !== undefined) config.tell(at + 2, 2, Number(count) - 1, 0x7ff);
      return;
    }
    case capability.express: {
      const [, version, kind = ''] = /^Express (?:\(v(\d)\) )?(.*)$/.exec(text) ?? [];
      if (version !== undefined) config.tell(at + 2, 1, Number(version), 0x0f);
      const type = PORTS.find(([name]) => name.test(kind))?.[1];
      if (type !== undefined) config.tell(at + 2, 1, type << 4, 0xf0);
      const slot = /\(Slot([+-])\)/.exec(kind)?.[1];
      if (slot !== undefined) config.tell(at + 3, 1, slot === '+' ? 1 : 0, 1);
      const message = /(?:MSI|IntMsgNum) ([0-9a-f]{1,2})\b/i.exec(kind)?.[1];
      if (message !== undefined) config.tell(at + 3, 1, Number.parseInt(message, 16) << 1, 0x3e);
      return;
    }
  }
}

/** What a further line of a capability says. */
export function decodeCapabilityField(config: KnownConfig, place: Place, field: string): void {
  const { at, id } = place;
  if (at >= 0x100) {
    decodeExtended(config, at, id, field);
    return;
  }
  switch (id) {
    case capability.powerManagement:
      powerManagement(config, at, field);
      return;
    case capability.msi:
      msi(config, at, field);
      return;
    case capability.msix: {
      const table = /^(Vector table|PBA): BAR=(\d) offset=([0-9a-f]+)/i.exec(field);
      if (table !== null)
        config.tell(at + (table[1] === 'PBA' ? 8 : 4), 4, Number.parseInt(table[3]!, 16) + Number(table[2]));
      return;
    }
    case capability.express:
      express(config, at, field);
      return;
  }
}

function powerManagement(config: KnownConfig, at: number, field: string): void {
  if (field.startsWith('Flags:')) {
    const [own, from = ''] = field.split('PME(');
    tellFlags(config, at + 2, 2, own!, PM);
    tellFlags(config, at + 2, 2, from.replaceAll(',', ' ').replace(')', ' '), PM_FROM);
    const current = AUX_MA.indexOf(Number(/AuxCurrent=(\d+)mA/.exec(field)?.[1] ?? -1));
    if (current >= 0) config.tell(at + 2, 2, current << 6, 0x1c0);
    return;
  }
  const state = /^Status: D(\d)\b/.exec(field)?.[1];
  if (state === undefined) return;
  config.tell(at + 4, 1, Number(state), 3);
  tellFlags(config, at + 4, 2, field, PM_STATUS);
  const [, select, scale] = /DSel=(\d+) DScale=(\d+)/.exec(field) ?? [];
  if (select !== undefined) config.tell(at + 4, 2, (Number(select) << 9) | (Number(scale) << 13), 0x7e00);
}

function msi(config: KnownConfig, at: number, field: string): void {
  // Where the data stands follows from the width, which the head has told.
  const isWide = (config.config[at + 2]! & 0x80) !== 0;
  const [, address, data] = /^Address: ([0-9a-f]+)\s+Data: ([0-9a-f]{4})/i.exec(field) ?? [];
  if (address !== undefined) {
    const whole = Number.parseInt(address, 16);
    config.tell(at + 4, 4, whole % 2 ** 32);
    if (isWide) config.tell(at + 8, 4, Math.floor(whole / 2 ** 32));
    config.tell(at + (isWide ? 12 : 8), 2, Number.parseInt(data!, 16));
  }
  const [, mask, pending] = /Masking: ([0-9a-f]{8})\s+Pending: ([0-9a-f]{8})/i.exec(field) ?? [];
  if (mask === undefined) return;
  config.tell(at + (isWide ? 16 : 12), 4, Number.parseInt(mask, 16));
  config.tell(at + (isWide ? 20 : 16), 4, Number.parseInt(pending!, 16));
}

const DEVICE_CONTROL: Flags = {
  CorrErr: 0,
  NonFatalErr: 1,
  FatalErr: 2,
  UnsupReq: 3,
  RlxdOrd: 4,
  ExtTag: 8,
  PhantFunc: 9,
  AuxPwr: 10,
  NoSnoop: 11,
  BrConfRtry: 15,
  FLReset: 15,
};
const DEVICE_STATUS: Flags = {
  CorrErr: 0,
  NonFatalErr: 1,
  FatalErr: 2,
  UnsupReq: 3,
  AuxPwr: 4,
  TransPend: 5,
};
const LINK_STATUS: Flags = { TrErr: 10, Train: 11, SlotClk: 12, DLActive: 13, BWMgmt: 14, ABWMgmt: 15 };
const RATES = ['2.5GT/s', '5GT/s', '8GT/s', '16GT/s', '32GT/s', '64GT/s'];

function express(config: KnownConfig, at: number, field: string): void {
  const [, word, rest = ''] = /^(\w+):\s*(.*)$/.exec(field) ?? [];
  const bytes = (name: string): number | null => {
    const found = new RegExp(`${name} (\\d+) bytes`).exec(rest)?.[1];
    return found === undefined ? null : Math.log2(Number(found) / 128);
  };
  const link = (reg: number): void => {
    const rate = RATES.indexOf(/Speed ([\d.]+GT\/s)/.exec(rest)?.[1]?.replace('.0', '') ?? '');
    const width = /Width x(\d+)/.exec(rest)?.[1];
    if (rate >= 0) config.tell(reg, 2, rate + 1, 0xf);
    if (width !== undefined) config.tell(reg, 2, Number(width) << 4, 0x3f0);
  };
  const payload = bytes('MaxPayload');
  switch (word) {
    case 'DevCap':
      if (payload !== null) config.tell(at + 4, 4, payload, 7);
      tellFlags(config, at + 4, 4, rest, { ExtTag: 5, RBE: 15, FLReset: 28 });
      return;
    case 'DevCtl': {
      // With "Report errors:" the words are others, and longer.
      tellFlags(config, at + 8, 2, rest, DEVICE_CONTROL);
      if (payload !== null) config.tell(at + 8, 2, payload << 5, 0xe0);
      const request = bytes('MaxReadReq');
      if (request !== null) config.tell(at + 8, 2, request << 12, 0x7000);
      return;
    }
    case 'DevSta':
      tellFlags(config, at + 10, 2, rest, DEVICE_STATUS);
      return;
    case 'LnkCap': {
      link(at + 12);
      const port = /Port #(\d+)/.exec(rest)?.[1];
      if (port !== undefined) config.tell(at + 15, 1, Number(port));
      return;
    }
    case 'LnkSta':
      link(at + 18);
      tellFlags(config, at + 18, 2, rest, LINK_STATUS);
      return;
  }
}

const UNCORRECTABLE: Flags = {
  DLP: 4,
  SDES: 5,
  TLP: 12,
  FCP: 13,
  CmpltTO: 14,
  CmpltAbrt: 15,
  UnxCmplt: 16,
  RxOF: 17,
  MalfTLP: 18,
  ECRC: 19,
  UnsupReq: 20,
  ACSViol: 21,
};
const CORRECTABLE: Flags = {
  RxErr: 0,
  BadTLP: 6,
  BadDLLP: 7,
  Rollover: 8,
  Timeout: 12,
  NonFatalErr: 13,
  AdvNonFatalErr: 13,
};
const ACS: Flags = {
  SrcValid: 0,
  TransBlk: 1,
  ReqRedir: 2,
  CmpltRedir: 3,
  UpstreamFwd: 4,
  EgressCtrl: 5,
  DirectTrans: 6,
};
const IOV: Flags = { Enable: 0, Migration: 1, Interrupt: 2, MSE: 3, ARIHierarchy: 4 };

/** Registers whose bits a line of flags tells: capability, first word, offset, size. */
const flagLines: readonly (readonly [id: number, word: string, offset: number, size: number, Flags])[] = [
  [extendedCapability.aer, 'UESta', 0x04, 4, UNCORRECTABLE],
  [extendedCapability.aer, 'UEMsk', 0x08, 4, UNCORRECTABLE],
  [extendedCapability.aer, 'UESvrt', 0x0c, 4, UNCORRECTABLE],
  [extendedCapability.aer, 'CESta', 0x10, 4, CORRECTABLE],
  [extendedCapability.aer, 'CEMsk', 0x14, 4, CORRECTABLE],
  [extendedCapability.acs, 'ACSCap', 0x04, 2, ACS],
  [extendedCapability.acs, 'ACSCtl', 0x06, 2, ACS],
  [extendedCapability.ari, 'ARICap', 0x04, 2, { MFVC: 0, ACS: 1 }],
  [extendedCapability.ari, 'ARICtl', 0x06, 2, { MFVC: 0, ACS: 1 }],
  [extendedCapability.sriov, 'IOVCtl', 0x08, 2, IOV],
];

/** Numbers that stand behind a word: capability, pattern, offset, size, base. */
const numberLines: readonly (readonly [id: number, RegExp, offset: number, size: number, base: 10 | 16])[] = [
  [extendedCapability.sriov, /Initial VFs: (\d+)/, 0x0c, 2, 10],
  [extendedCapability.sriov, /Total VFs: (\d+)/, 0x0e, 2, 10],
  [extendedCapability.sriov, /Number of VFs: (\d+)/, 0x10, 2, 10],
  [extendedCapability.sriov, /Function Dependency Link: ([0-9a-f]+)/, 0x12, 1, 16],
  [extendedCapability.sriov, /VF offset: (\d+)/, 0x14, 2, 10],
  [extendedCapability.sriov, /stride: (\d+)/, 0x16, 2, 10],
  [extendedCapability.sriov, /Device ID: ([0-9a-f]{4})/, 0x1a, 2, 16],
  [extendedCapability.sriov, /Supported Page Size: ([0-9a-f]{8})/, 0x1c, 4, 16],
  [extendedCapability.sriov, /System Page Size: ([0-9a-f]{8})/, 0x20, 4, 16],
  [extendedCapability.ari, /Next Function: (\d+)/, 0x05, 1, 10],
];

function decodeExtended(config: KnownConfig, at: number, id: number | null, field: string): void {
  for (const [of, word, offset, size, flags] of flagLines)
    if (of === id && field.startsWith(`${word}:`)) tellFlags(config, at + offset, size, field, flags);
  for (const [of, pattern, offset, size, base] of numberLines) {
    const value = of === id ? pattern.exec(field)?.[1] : undefined;
    if (value !== undefined) config.tell(at + offset, size, Number.parseInt(value, base));
  }
  const log =
    id === extendedCapability.aer ? /^HeaderLog: ((?:[0-9a-f]{8}\s*){4})/i.exec(field)?.[1] : undefined;
  log
    ?.trim()
    .split(/\s+/)
    .forEach((word, i) => {
      config.tell(at + 0x1c + 4 * i, 4, Number.parseInt(word, 16));
    });
  const region = id === extendedCapability.sriov ? /^Region (\d): (.*)$/.exec(field) : null;
  if (region !== null) decodeRegion(config, at + 0x24 + 4 * Number(region[1]), region[2]!);
}
