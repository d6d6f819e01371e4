import { bridgeControl, command, reg, status } from '../../../pci/header.js';
import { portType } from '../image.js';
import { bridgeAbove, imageOf, type QemuMachine } from '../machine.js';
import { express } from '../plugging/slot.js';
import { change16, change32, get16, get32, set16, set32 } from '../registers.js';
import type { AerLogEntry, FunctionState } from '../state.js';
import { requesterId } from './dma.js';
import { setIntx } from './intx.js';
import { msiEnabled, msiNotify, msiVectors } from './msi.js';
import { msixEnabled, msixNotify } from './msix.js';

/** Offsets inside the AER capability. */
const at = {
  uncorrectable: 0x04,
  uncorrectableMask: 0x08,
  severity: 0x0c,
  correctable: 0x10,
  correctableMask: 0x14,
  control: 0x18,
  header: 0x1c,
  rootCommand: 0x2c,
  rootStatus: 0x30,
  source: 0x34,
  prefix: 0x38,
} as const;

const UNCORRECTABLE = 0x03ff_f030;
const CORRECTABLE = 0x0000_f1c1;
const ADVISORY = 0x2000;
const HEADER_LOG_OVERFLOW = 0x8000;
const UNSUPPORTED_REQUEST = 0x0010_0000;
/** Capabilities and control: first error pointer, several headers enabled, prefix present. */
const FIRST_ERROR = 0x1f;
const MULTIPLE_HEADERS = 0x400;
const PREFIX_PRESENT = 0x800;
/** Headers a function queues; QEMU's default. */
const LOG_MAX = 8;
/** Root command and message severities share their bits. */
const severity = { correctable: 1, nonFatal: 2, fatal: 4 } as const;
const EE_TLP_PREFIX = 0x20_0000;
/** Uncorrectable errors that are fatal when no severity register says otherwise. */
const FATAL_BY_DEFAULT = 0x0046_2030;

/** Names QEMU's monitor takes for errors. @source facts/q35-qemu 2.9 */
const ERRORS: Readonly<Record<string, { readonly status: number; readonly correctable: boolean }>> = {
  DLP: { status: 0x10, correctable: false },
  SDN: { status: 0x20, correctable: false },
  POISON_TLP: { status: 0x1000, correctable: false },
  FCP: { status: 0x2000, correctable: false },
  COMP_TIME: { status: 0x4000, correctable: false },
  COMP_ABORT: { status: 0x8000, correctable: false },
  UNX_COMP: { status: 0x1_0000, correctable: false },
  RX_OVER: { status: 0x2_0000, correctable: false },
  MALF_TLP: { status: 0x4_0000, correctable: false },
  ECRC: { status: 0x8_0000, correctable: false },
  UNSUP: { status: UNSUPPORTED_REQUEST, correctable: false },
  ACSV: { status: 0x20_0000, correctable: false },
  INTN: { status: 0x40_0000, correctable: false },
  MCBTLP: { status: 0x80_0000, correctable: false },
  ATOP_EBLOCKED: { status: 0x100_0000, correctable: false },
  TLP_PRF_BLOCKED: { status: 0x200_0000, correctable: false },
  RCVR: { status: 0x1, correctable: true },
  BAD_TLP: { status: 0x40, correctable: true },
  BAD_DLLP: { status: 0x80, correctable: true },
  REP_ROLL: { status: 0x100, correctable: true },
  REP_TIMER: { status: 0x1000, correctable: true },
  ADV_NONFATAL: { status: ADVISORY, correctable: true },
  INTERNAL: { status: 0x4000, correctable: true },
  HL_OVERFLOW: { status: HEADER_LOG_OVERFLOW, correctable: true },
};

export const namedError = (
  name: string,
): { readonly status: number; readonly correctable: boolean } | null =>
  Object.hasOwn(ERRORS, name) ? ERRORS[name]! : null;

/** An error to record in a function. */
export interface AerError {
  readonly status: number;
  readonly correctable: boolean;
  /** An uncorrectable non-fatal error may be reported as advisory. */
  readonly advisory: boolean;
  readonly header: readonly number[] | null;
  readonly prefix: readonly number[] | null;
}

/**
 * Records an error in a function and sends the message up.
 * @returns null, or QEMU's reason for refusing
 * @source facts/q35-qemu 2.9
 */
export function injectError(
  machine: QemuMachine,
  fn: FunctionState,
  error: AerError,
  sourceId: number = requesterId(machine, fn),
): string | null {
  const image = imageOf(machine, fn);
  // QEMU prints its ENOSYS in these words; the text is part of the predicted reply.
  if (image.express === null) return 'Function not implemented';
  const bits = error.status & (error.correctable ? CORRECTABLE : UNCORRECTABLE);
  if (bits === 0 || (bits & (bits - 1)) !== 0) return 'Invalid argument';
  const fatal =
    image.aer === null
      ? (bits & FATAL_BY_DEFAULT) !== 0
      : (bits & get32(machine, fn, image.aer + at.severity)) !== 0;
  const unsupported = !error.correctable && error.status === UNSUPPORTED_REQUEST;
  let sent: Sent;
  if (error.correctable) sent = recordCorrectable(machine, fn, error, bits, unsupported, 0);
  else if (!fatal && error.advisory)
    sent = recordCorrectable(machine, fn, error, ADVISORY, unsupported, bits);
  else sent = recordUncorrectable(machine, fn, error, bits, unsupported, fatal);
  if (sent.severity === 0) return null;
  sendMessage(machine, fn, sent.severity, sourceId);
  if (sent.overflow) {
    injectError(
      machine,
      fn,
      { status: HEADER_LOG_OVERFLOW, correctable: true, advisory: false, header: null, prefix: null },
      0,
    );
  }
  return null;
}

/** Error messages of PCI Express, as the bits that root command and device control have for them. */
export const errorMessage = { ERR_COR: 1, ERR_NONFATAL: 2, ERR_FATAL: 4 } as const;

/**
 * An error message arrives at a port from below: what a function that is not part of the machine, a passed-through
 * one, reported under `sourceId`. The port records nothing of its own, but its gates apply.
 * @source facts/q35-qemu 2.9
 */
export const forwardError = (
  machine: QemuMachine,
  port: FunctionState,
  message: keyof typeof errorMessage,
  sourceId: number,
): void => sendMessage(machine, port, errorMessage[message], sourceId);

/** Severity 0: masked, no message. */
interface Sent {
  readonly severity: number;
  readonly overflow: boolean;
}

const QUIET: Sent = { severity: 0, overflow: false };

/** Device control and status; without AER QEMU judges by zeros. */
function deviceWords(machine: QemuMachine, fn: FunctionState): { control: number; status: number } {
  const { express: cap, aer } = imageOf(machine, fn);
  if (aer === null) return { control: 0, status: 0 };
  return {
    control: get16(machine, fn, cap! + express.deviceControl),
    status: get16(machine, fn, cap! + express.deviceStatus),
  };
}

function recordCorrectable(
  machine: QemuMachine,
  fn: FunctionState,
  error: AerError,
  bits: number,
  unsupported: boolean,
  uncorrectable: number,
): Sent {
  const { express: cap, aer } = imageOf(machine, fn);
  const words = deviceWords(machine, fn);
  set16(machine, fn, cap! + express.deviceStatus, words.status | 1 | (unsupported ? 8 : 0));
  let overflow = false;
  if (aer !== null) {
    change32(machine, fn, aer + at.correctable, 0, bits);
    if ((get32(machine, fn, aer + at.correctableMask) & bits) !== 0) return QUIET;
    if (uncorrectable !== 0) {
      if ((get32(machine, fn, aer + at.uncorrectableMask) & uncorrectable) === 0) {
        overflow = !recordHeader(machine, fn, error);
      }
      change32(machine, fn, aer + at.uncorrectable, 0, uncorrectable);
    }
  }
  if (unsupported && (words.control & 8) === 0) return QUIET;
  return (words.control & severity.correctable) === 0 ? QUIET : { severity: severity.correctable, overflow };
}

function recordUncorrectable(
  machine: QemuMachine,
  fn: FunctionState,
  error: AerError,
  bits: number,
  unsupported: boolean,
  fatal: boolean,
): Sent {
  const { express: cap, aer } = imageOf(machine, fn);
  const words = deviceWords(machine, fn);
  // QEMU stores a dword here: the low half of LNKCAP behind DEVSTA becomes 0.
  set32(machine, fn, cap! + express.deviceStatus, words.status | (fatal ? 4 : 2) | (unsupported ? 8 : 0));
  let overflow = false;
  if (aer !== null) {
    const masked = (get32(machine, fn, aer + at.uncorrectableMask) & bits) !== 0;
    if (!masked) overflow = !recordHeader(machine, fn, error);
    change32(machine, fn, aer + at.uncorrectable, 0, bits);
    if (masked) return QUIET;
  }
  const serr = (get16(machine, fn, reg.command) & command.serr) !== 0;
  if (unsupported && (words.control & 8) === 0 && !serr) return QUIET;
  const level = fatal ? severity.fatal : severity.nonFatal;
  return serr || (words.control & level) !== 0 ? { severity: level, overflow } : QUIET;
}

/** Logs the header of the first error, or queues it behind one. @returns false when the queue is full */
function recordHeader(machine: QemuMachine, fn: FunctionState, error: AerError): boolean {
  const aer = imageOf(machine, fn).aer!;
  const control = get32(machine, fn, aer + at.control);
  const first = 1 << (control & FIRST_ERROR);
  const entry: AerLogEntry = {
    status: error.status,
    header: error.header === null ? null : [...error.header],
    prefix: error.prefix === null ? null : [...error.prefix],
  };
  if ((control & MULTIPLE_HEADERS) !== 0 && (get32(machine, fn, aer + at.uncorrectable) & first) !== 0) {
    if (fn.aerLog.length === LOG_MAX) return false;
    fn.aerLog.push(entry);
    return true;
  }
  writeLog(machine, fn, entry);
  return true;
}

function writeLog(machine: QemuMachine, fn: FunctionState, entry: AerLogEntry): void {
  const { aer, express: cap } = imageOf(machine, fn);
  const prefixes = (get32(machine, fn, cap! + express.deviceCap2) & EE_TLP_PREFIX) !== 0;
  const prefix = prefixes ? entry.prefix : null;
  const firstError = 31 - Math.clz32(entry.status & -entry.status);
  change32(
    machine,
    fn,
    aer! + at.control,
    FIRST_ERROR | PREFIX_PRESENT,
    firstError | (prefix === null ? 0 : PREFIX_PRESENT),
  );
  writeDwords(machine, fn, aer! + at.header, entry.header);
  writeDwords(machine, fn, aer! + at.prefix, prefix);
}

/** Four logged dwords, most significant byte first; zeros when there are none. */
function writeDwords(machine: QemuMachine, fn: FunctionState, from: number, dwords: number[] | null): void {
  for (let i = 0; i < 4; i++) {
    const value = swapBytes(dwords?.[i] ?? 0);
    if (get32(machine, fn, from + 4 * i) !== value) set32(machine, fn, from + 4 * i, value);
  }
}

const swapBytes = (v: number): number =>
  ((v << 24) | ((v << 8) & 0xff_0000) | ((v >>> 8) & 0xff00) | (v >>> 24)) >>> 0;

/** Walks up from a function; every hop may stop the message. A correctable error stops at once (QEMU). */
function sendMessage(machine: QemuMachine, fn: FunctionState, level: number, sourceId: number): void {
  for (let hop: FunctionState | null = fn; hop !== null; hop = bridgeAbove(machine, hop)) {
    const image = imageOf(machine, hop);
    if (image.express === null) return;
    const type = image.portType;
    const isPort = type === portType.rootPort || type === portType.upstream || type === portType.downstream;
    const uncorrectable = level !== severity.correctable;
    if (isPort) {
      if (uncorrectable) change16(machine, hop, reg.secondaryStatus, 0, status.signalledSystemError);
      if ((get16(machine, hop, reg.bridgeControl) & bridgeControl.serr) === 0) return;
    }
    if (!uncorrectable || (get16(machine, hop, reg.command) & command.serr) === 0) return;
    change16(machine, hop, reg.status, 0, status.signalledSystemError);
    if ((get16(machine, hop, image.express + express.deviceControl) & level) === 0) return;
    if (type === portType.rootPort) {
      receiveMessage(machine, hop, level, sourceId);
      return;
    }
  }
}

const ROOT_CORRECTABLE = 0x01;
const ROOT_MULTIPLE_CORRECTABLE = 0x02;
const ROOT_UNCORRECTABLE = 0x04;
const ROOT_MULTIPLE_UNCORRECTABLE = 0x08;
const ROOT_FIRST_FATAL = 0x10;
const ROOT_NON_FATAL = 0x20;
const ROOT_FATAL = 0x40;

function receiveMessage(machine: QemuMachine, port: FunctionState, level: number, sourceId: number): void {
  const aer = imageOf(machine, port).aer;
  if (aer === null) return;
  const rootCommand = get32(machine, port, aer + at.rootCommand);
  const before = get32(machine, port, aer + at.rootStatus);
  let now = before;
  if (level === severity.correctable) {
    if ((now & ROOT_CORRECTABLE) !== 0) now |= ROOT_MULTIPLE_CORRECTABLE;
    else set16(machine, port, aer + at.source, sourceId);
    now |= ROOT_CORRECTABLE;
  } else {
    if (level === severity.fatal && (now & ROOT_UNCORRECTABLE) === 0) now |= ROOT_FIRST_FATAL;
    now |= level === severity.fatal ? ROOT_FATAL : ROOT_NON_FATAL;
    if ((now & ROOT_UNCORRECTABLE) !== 0) now |= ROOT_MULTIPLE_UNCORRECTABLE;
    else set16(machine, port, aer + at.source + 2, sourceId);
    now |= ROOT_UNCORRECTABLE;
  }
  set32(machine, port, aer + at.rootStatus, now);
  if ((rootCommand & level) === 0 || (reportable(before) & rootCommand) !== 0) return;
  notifyRoot(machine, port, aer);
}

/** Root command bits whose condition stands in a root status. */
const reportable = (rootStatus: number): number =>
  ((rootStatus & ROOT_CORRECTABLE) !== 0 ? severity.correctable : 0) |
  ((rootStatus & ROOT_NON_FATAL) !== 0 ? severity.nonFatal : 0) |
  ((rootStatus & ROOT_FATAL) !== 0 ? severity.fatal : 0);

function notifyRoot(machine: QemuMachine, port: FunctionState, aer: number): void {
  const vector = get32(machine, port, aer + at.rootStatus) >>> 27;
  if (msixEnabled(machine, port)) msixNotify(machine, port, vector);
  else if (msiEnabled(machine, port)) msiNotify(machine, port, vector);
  else setIntx(machine, port, true);
}

/** After any config write of a port: a cleared first error lets the next queued one up. */
export function aerWritten(machine: QemuMachine, port: FunctionState): void {
  const { aer } = imageOf(machine, port);
  if (aer === null) return;
  const control = get32(machine, port, aer + at.control);
  const first = 1 << (control & FIRST_ERROR);
  const multiple = (control & MULTIPLE_HEADERS) !== 0;
  if ((get32(machine, port, aer + at.uncorrectable) & first) === 0) {
    if (!multiple || port.aerLog.length === 0) {
      change32(machine, port, aer + at.control, FIRST_ERROR | PREFIX_PRESENT, 0);
      writeDwords(machine, port, aer + at.header, null);
      writeDwords(machine, port, aer + at.prefix, null);
      return;
    }
    restoreQueued(machine, port, aer);
    writeLog(machine, port, port.aerLog.shift()!);
  } else if (multiple) {
    restoreQueued(machine, port, aer);
  } else {
    port.aerLog = [];
  }
}

function restoreQueued(machine: QemuMachine, port: FunctionState, aer: number): void {
  for (const entry of port.aerLog) change32(machine, port, aer + at.uncorrectable, 0, entry.status);
}

export const rootCommandOf = (machine: QemuMachine, port: FunctionState): number => {
  const { aer } = imageOf(machine, port);
  return aer === null ? 0 : get32(machine, port, aer + at.rootCommand);
};

/** After any config write of a root port: enabling a report whose condition stands interrupts. */
export function rootErrorsWritten(machine: QemuMachine, port: FunctionState, commandBefore: number): void {
  const { aer } = imageOf(machine, port);
  if (aer === null) return;
  const standing = reportable(get32(machine, port, aer + at.rootStatus));
  const rootCommand = get32(machine, port, aer + at.rootCommand);
  if (!msixEnabled(machine, port) && !msiEnabled(machine, port)) {
    setIntx(machine, port, (rootCommand & standing) !== 0);
    return;
  }
  if ((commandBefore & standing) !== 0 || (rootCommand & standing) === 0) return;
  notifyRoot(machine, port, aer);
}

export function resetRootErrors(machine: QemuMachine, port: FunctionState): void {
  const { aer } = imageOf(machine, port);
  if (aer !== null) set32(machine, port, aer + at.rootCommand, 0);
}

/** The vector of root error reports: 1 of ioh3420 while it has two MSI vectors, else 0. */
export function updateRootVector(machine: QemuMachine, port: FunctionState): void {
  const { aer, type } = imageOf(machine, port);
  if (aer === null) return;
  const vector = type === 'ioh3420' && msiVectors(machine, port) > 1 ? 1 : 0;
  change32(machine, port, aer + at.rootStatus, 0xf800_0000, (vector << 27) >>> 0);
}
