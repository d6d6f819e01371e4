import {
  type CapabilityList,
  capabilities,
  capability,
  extendedCapabilities,
  extendedCapability,
  findCapability,
} from '../../pci/capabilities.js';
import { reg } from '../../pci/header.js';

/** One region (BAR or ROM) of a function. `type` holds the BAR's type bits; the size is a power of two. */
export interface BarImage {
  readonly index: number;
  readonly sizeBytes: number;
  readonly type: number;
}

/** PCI Express port types (bits 7:4 of the capabilities register). */
export const portType = { rootPort: 4, upstream: 5, downstream: 6, pciBridge: 7 } as const;

/** What a function is at power-on and which bits of it change: never part of a machine's state. */
export interface FunctionImage {
  /** QEMU's name of the device type, `pcie-root-port`, `edu`, … */
  readonly type: string;
  readonly config: Uint8Array;
  readonly writeMask: Uint8Array;
  readonly clearMask: Uint8Array;
  readonly bars: readonly BarImage[];
  /** `config` as little-endian dwords, for the hot path. */
  readonly dwords: Uint32Array;
  readonly isBridge: boolean;
  /** INTx pin, 0 INTA to 3 INTD; null without one. */
  readonly pin: number | null;
  /** Offset of the PCI Express capability; null for a conventional function. */
  readonly express: number | null;
  readonly portType: number | null;
  /** A root or downstream port with a slot. */
  readonly hasSlot: boolean;
  readonly aer: number | null;
  readonly acs: number | null;
  readonly msi: number | null;
  readonly msix: MsixImage | null;
  readonly shpc: number | null;
  readonly pm: number | null;
  readonly sriov: number | null;
  /** Index of the image its virtual functions are made of; null without SR-IOV. */
  readonly virtualFunction: number | null;
}

/** Where a function's MSI-X table and pending bits lie. */
export interface MsixImage {
  readonly offsetBytes: number;
  readonly vectors: number;
  readonly tableBar: number;
  readonly tableOffset: number;
  readonly pbaBar: number;
  readonly pbaOffset: number;
}

/** The documented bytes of a function: initial values, writable bits, write-1-to-clear bits, regions. */
export interface FunctionBytes {
  readonly type: string;
  readonly config: Uint8Array;
  readonly writeMask: Uint8Array;
  readonly clearMask: Uint8Array;
  readonly bars: readonly BarImage[];
}

/** Reads the structure out of a function's power-on bytes. Total for any bytes: lists are walked bounded. */
export function functionImage(bytes: FunctionBytes): FunctionImage {
  const { config } = bytes;
  const list = capabilities(config);
  const extended = extendedCapabilities(config);
  const dwords = new Uint32Array(config.length >>> 2);
  for (let i = 0; i < dwords.length; i++) dwords[i] = dwordAt(config, 4 * i);
  const express = findCapability(list, capability.express);
  const flags = express === null ? 0 : wordAt(config, express + 2);
  const type = express === null ? null : (flags >>> 4) & 0xf;
  const pin = config[reg.interruptPin] ?? 0;
  return {
    ...bytes,
    dwords,
    isBridge: ((config[reg.headerType] ?? 0) & 0x7f) === 1,
    pin: pin >= 1 && pin <= 4 ? pin - 1 : null,
    express,
    portType: type,
    hasSlot: (type === portType.rootPort || type === portType.downstream) && (flags & 0x100) !== 0,
    aer: findCapability(extended, extendedCapability.aer),
    acs: findCapability(extended, extendedCapability.acs),
    msi: findCapability(list, capability.msi),
    msix: msixImage(config, list),
    shpc: findCapability(list, capability.shpc),
    pm: findCapability(list, capability.powerManagement),
    sriov: findCapability(extended, extendedCapability.sriov),
    virtualFunction: null,
  };
}

function msixImage(config: Uint8Array, list: CapabilityList): MsixImage | null {
  const at = findCapability(list, capability.msix);
  if (at === null) return null;
  const table = dwordAt(config, at + 4);
  const pba = dwordAt(config, at + 8);
  return {
    offsetBytes: at,
    vectors: (wordAt(config, at + 2) & 0x7ff) + 1,
    tableBar: table & 7,
    tableOffset: (table & ~7) >>> 0,
    pbaBar: pba & 7,
    pbaOffset: (pba & ~7) >>> 0,
  };
}

/**
 * The bytes of a virtual function: those of its physical one, with ids that read all ones, no BAR registers, no
 * SR-IOV capability and one MSI-X vector (QEMU's NVMe gives more on request); its BARs are decoded from the physical function's capability.
 * @source facts/q35-qemu 2.11
 */
export function virtualFunctionBytes(physical: FunctionImage): FunctionBytes {
  const at = physical.sriov!;
  const config = physical.config.slice();
  const writeMask = physical.writeMask.slice();
  config.fill(0xff, 0, 4);
  for (const bytes of [config, writeMask]) bytes.fill(0, reg.bar0, reg.bar0 + 24);
  config[reg.headerType] = config[reg.headerType]! & 0x7f;
  if (physical.msix !== null) config.set([0, 0], physical.msix.offsetBytes + 2);
  config.fill(0, at, at + SRIOV_BYTES);
  writeMask.fill(0xff, at, at + SRIOV_BYTES);
  unlinkExtended(config, at);
  return {
    type: physical.type,
    config,
    writeMask,
    clearMask: physical.clearMask,
    bars: virtualBars(physical, at),
  };
}

const SRIOV_BYTES = 0x40;
const SRIOV_BAR0 = 0x24;

/** The capability before `at` ends the list: virtual functions have nothing behind it. */
function unlinkExtended(config: Uint8Array, at: number): void {
  const before = extendedCapabilities(config).entries.find(
    ({ offsetBytes }) => dwordAt(config, offsetBytes) >>> 20 === at,
  );
  if (before === undefined) return;
  config[before.offsetBytes + 2] = config[before.offsetBytes + 2]! & 0x0f;
  config[before.offsetBytes + 3] = 0;
}

function virtualBars(physical: FunctionImage, at: number): BarImage[] {
  const bars: BarImage[] = [];
  for (let index = 0; index < 6; index++) {
    const place = at + SRIOV_BAR0 + 4 * index;
    const mask = dwordAt(physical.writeMask, place);
    const type = physical.config[place]! & 0xf;
    if (mask === 0) continue;
    bars.push({ index, sizeBytes: (~mask >>> 0) + 1, type });
    if ((type & 4) !== 0) index += 1;
  }
  return bars;
}

/** Bytes of a function's pending-bit array: whole qwords. */
export const pbaBytes = (msix: MsixImage): number => Math.ceil(msix.vectors / 64) * 8;

const wordAt = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
const dwordAt = (bytes: Uint8Array, at: number): number =>
  (wordAt(bytes, at) | (wordAt(bytes, at + 2) << 16)) >>> 0;
