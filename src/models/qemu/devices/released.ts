import {
  capabilities,
  capability,
  extendedCapabilities,
  extendedCapability,
  findCapability,
} from '../../../pci/capabilities.js';
import { reg } from '../../../pci/header.js';
import { has, type Releases } from '../../../policy/has.js';
import type { FunctionBytes } from '../image.js';

/**
 * The bytes of a function of 7.2 as another release has them. Recorded bytes of that release are left as they are.
 * @source held against the power-on bytes of QEMU 10.2.0 under its own machine types and under those of 7.2
 */
export function asReleased<Bytes extends FunctionBytes>(bytes: Bytes, releases: Releases): Bytes {
  const config = bytes.config.slice();
  const writeMask = bytes.writeMask.slice();
  const clearMask = bytes.clearMask.slice();
  const express = findCapability(capabilities(config), capability.express);
  const aer = findCapability(extendedCapabilities(config), extendedCapability.aer);
  if (express !== null && has(releases, 'pcie-extended-tags')) {
    config[express + DEVICE_CAPABILITIES] = config[express + DEVICE_CAPABILITIES]! | EXTENDED_TAGS;
  }
  if (aer !== null && has(releases, 'aer-masks-internal-errors')) {
    config.set([0x00, 0x00, 0x40, 0x02], aer + UNCORRECTABLE_MASK);
    writeMask.set([0x30, 0xf0, 0xff, 0x03], aer + UNCORRECTABLE_MASK);
  }
  const isExpressBridge = express !== null && (config[reg.headerType]! & 0x7f) === 1;
  if (isExpressBridge && isPort(config, express) && has(releases, 'express-latency-timer-fixed')) {
    writeMask[SECONDARY_LATENCY_TIMER] = 0;
  }
  if (bytes.type === 'nvme' && express !== null && has(releases, 'nvme-device-control')) {
    writeMask[express + DEVICE_CONTROL] = writeMask[express + DEVICE_CONTROL]! | 0x0f;
    clearMask[express + DEVICE_STATUS] = clearMask[express + DEVICE_STATUS]! | 0x0f;
  }
  const slot = express !== null && isPort(config, express) && (config[express + 3]! & 1) !== 0;
  if (slot && has(releases, 'slots-start-dark')) {
    config[express + SLOT_CONTROL + 1] = config[express + SLOT_CONTROL + 1]! | 0x03;
  }
  if (bytes.type === 'mch' && has(releases, 'tseg-of-64-mib')) config[EXTENDED_TSEG] = 64;
  return { ...bytes, config, writeMask, clearMask };
}

/** Root, upstream and downstream ports; a bridge to conventional PCI has a timer of its own there. */
const isPort = (config: Uint8Array, express: number): boolean => {
  const type = config[express + 2]! >>> 4;
  return type >= 4 && type <= 6;
};

const DEVICE_CAPABILITIES = 0x04;
const EXTENDED_TAGS = 0x20;
const DEVICE_CONTROL = 0x08;
const DEVICE_STATUS = 0x0a;
const SLOT_CONTROL = 0x18;
const UNCORRECTABLE_MASK = 0x08;
const SECONDARY_LATENCY_TIMER = 0x1b;
const EXTENDED_TSEG = 0x50;
