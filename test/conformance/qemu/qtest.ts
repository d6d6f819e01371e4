import { setIrq } from '../../../src/models/qemu/chipset/pirq.js';
import { injectError, namedError } from '../../../src/models/qemu/function/aer.js';
import {
  busNumber,
  type Effect,
  imageOf,
  type QemuMachine,
  rootBusOf,
} from '../../../src/models/qemu/machine.js';
import { functionById, plug, UNKNOWN_DEVICE, unplug } from '../../../src/models/qemu/plugging/hotplug.js';
import { get8 } from '../../../src/models/qemu/registers.js';
import { readMemory, readPorts, writeFromBus, writePorts } from '../../../src/models/qemu/space/access.js';
import { HotAdded } from './hot-added.js';

/** What the model says to one command. `reply` null: it declines, with the reason. */
export interface Answer {
  readonly reply: string | null;
  readonly async: readonly string[];
  readonly reason: string;
}

/** A machine behind the line protocol of qtest and a monitor. */
export class QtestMachine {
  readonly machine: QemuMachine;
  readonly #hotAdded: HotAdded;
  #intercepted = false;
  /** Lines of a reset: it is carried out after the reply, so they stand before the next one. */
  #late: readonly string[] = [];

  /** @param args The machine's command line: what it takes, a hot-added device cannot have. */
  constructor(machine: QemuMachine, args: readonly string[] = []) {
    this.machine = machine;
    this.#hotAdded = new HotAdded(machine, args);
  }

  /** Answers one command line; `qmp …` goes to the monitor. */
  answer(line: string): Answer {
    const { effects } = this.machine;
    effects.length = 0;
    const before = this.#intercepted;
    const answer = line.startsWith('qmp ') ? this.#monitor(line.slice(4)) : this.#command(line.split(' '));
    const reset = effects.findIndex(({ kind }) => kind === 'reset');
    const atOnce = reset < 0 ? effects.length : reset;
    const async = [...this.#late, ...(before ? effects.slice(0, atOnce).flatMap(irqLine) : [])];
    this.#late = before ? effects.slice(atOnce).flatMap(irqLine) : [];
    return { ...answer, async };
  }

  /**
   * Whether QEMU dies of a command: a system management interrupt by port 0xb2 needs the processor that asked for it,
   * and under qtest there is none.
   * @source QEMU hw/isa/lpc_ich9.c ich9_apm_ctrl_changed, hw/isa/apm.c apm_ioport_writeb (7.2)
   */
  ends(line: string): boolean {
    const [name = '', port = '', data = ''] = line.split(' ');
    const { board, state } = this.machine;
    if (!/^out[bwl]$/.test(name) || board.kind === 'virt' || Number(port) !== APM_COMMAND) return false;
    const switches = board.kind === 'q35' ? [0x02, 0x03] : [0xf1, 0xf0];
    if (switches.includes(Number(data) & 0xff)) return false;
    return board.kind === 'q35' ? (state.pm.smiEnable & SMI_BY_APM) !== 0 : this.#smiByPiix4();
  }

  /** PIIX4 sends one when DEVACTB (0x58) bit 25 is set. */
  #smiByPiix4(): boolean {
    const { functions } = this.machine.state;
    const pm = functions.find((fn) => fn !== null && imageOf(this.machine, fn).type === 'PIIX4_PM');
    return pm !== undefined && pm !== null && (get8(this.machine, pm, 0x5b) & 0x02) !== 0;
  }

  #command(words: readonly string[]): Omit<Answer, 'async'> {
    const [name = '', first = '0', second = '0', third = '0'] = words;
    const width = WIDTH[name.slice(-1)] ?? 4;
    switch (name) {
      case 'inb':
      case 'inw':
      case 'inl': {
        const out = new Uint8Array(width);
        const reason = readPorts(this.machine, Number(first), out);
        return said(`OK 0x${little(out).toString(16).padStart(4, '0')}`, reason);
      }
      case 'outb':
      case 'outw':
      case 'outl':
        writePorts(this.machine, Number(first), bytesOf(BigInt(second), width));
        return said('OK');
      case 'readb':
      case 'readw':
      case 'readl':
      case 'readq': {
        const { out, reason } = this.#load(first, width);
        return said(`OK 0x${little(out).toString(16).padStart(16, '0')}`, reason);
      }
      case 'writeb':
      case 'writew':
      case 'writel':
      case 'writeq':
        this.#store(first, bytesOf(BigInt(second), width));
        return said('OK');
      case 'read': {
        const { out, reason } = this.#load(first, Number(second));
        return said(`OK 0x${Buffer.from(out).toString('hex')}`, reason);
      }
      case 'b64read': {
        const { out, reason } = this.#load(first, Number(second));
        return said(`OK ${Buffer.from(out).toString('base64')}`, reason);
      }
      case 'write': {
        const data = new Uint8Array(Number(second));
        data.set(Buffer.from(third.slice(2), 'hex').subarray(0, data.length));
        this.#store(first, data);
        return said('OK');
      }
      case 'b64write': {
        const data = new Uint8Array(Number(second));
        data.set(Buffer.from(third, 'base64').subarray(0, data.length));
        this.#store(first, data);
        return said('OK');
      }
      case 'memset':
        this.#store(first, new Uint8Array(Number(second)).fill(Number(third)));
        return said('OK');
      case 'irq_intercept_in':
        if (first !== 'ioapic') return declined('interception of another controller than the IOAPIC');
        if (this.#intercepted) return said('OK');
        this.#intercepted = true;
        // Levels are reported from here on; an input that is high already is reported low only.
        this.machine.state.irqLevels = {};
        return said('OK');
      case 'irq_intercept_out':
        return declined('interception of what leaves a device');
      case 'endianness':
        return said('OK little');
      case 'set_irq_in':
        if (first !== 'ioapic' || second !== 'unnamed-gpio-in') {
          return declined('an input of another device than the IOAPIC');
        }
        setIrq(this.machine, Number(third), Number(words[4] ?? '0') !== 0);
        return said('OK');
      case 'module_load':
      case 'rtas':
        return declined('qtest command outside PCI');
      default:
        return said(`FAIL Unknown command '${name}'`);
    }
  }

  #load(address: string, length: number): { out: Uint8Array; reason: string | null } {
    const { page, offset } = place(address);
    const out = new Uint8Array(length);
    return { out, reason: readMemory(this.machine, page, out, offset) };
  }

  #store(address: string, bytes: Uint8Array): void {
    const { page, offset } = place(address);
    writeFromBus(this.machine, page, bytes, offset);
  }

  #monitor(text: string): Omit<Answer, 'async'> {
    const { execute, arguments: args = {} } = requestOf(text);
    switch (execute) {
      case 'device_del':
        return monitored(unplug(this.machine, args['id'] ?? ''));
      case 'device_add': {
        const refusal = plug(this.machine, this.#hotAdded.request(args));
        if (refusal === null) this.#hotAdded.added(args);
        return monitored(refusal);
      }
      case 'human-monitor-command':
        return this.#human(args['command-line'] ?? '');
      default:
        return declined('monitor command outside PCI');
    }
  }

  #human(line: string): Omit<Answer, 'async'> {
    const words = line.split(/\s+/).filter((word) => word !== '');
    if (words.shift() !== 'pcie_aer_inject_error') return declined('monitor command outside PCI');
    const flags: string[] = [];
    while (words[0]?.startsWith('-')) flags.push(words.shift()!);
    const [id = '', error = '', ...dwords] = words;
    const fn = functionById(this.machine, id);
    if (fn === null) return printed(`id or pci device path is invalid or device not found. ${id}\n`);
    const { express, type, config } = imageOf(this.machine, fn);
    if (express === null && (config.length > 256 || EXPRESS_WITHOUT_CAPABILITY.has(type))) {
      return declined('error injection into a PCIe device that hides its capability on a conventional bus');
    }
    if (express === null) {
      return printed(`the device doesn't support pci express. ${id}\n`);
    }
    const known = namedError(error);
    // strtoul in the C locale: decimal, 0x… or octal.
    if (known === null && !/^[+-]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.test(error)) {
      return printed(`invalid error status value. "${error}"`);
    }
    const header = dwords.slice(0, 4).map(Number);
    const prefix = dwords.slice(4, 8).map(Number);
    const refusal = injectError(this.machine, fn, {
      status: known?.status ?? statusOf(error),
      correctable: known?.correctable ?? flags.includes('-c'),
      advisory: flags.includes('-a'),
      header: header.length === 0 ? null : header,
      prefix: prefix.length === 0 ? null : prefix,
    });
    if (refusal !== null) return printed(`failed to inject error: ${refusal}\n`);
    const bus = busNumber(this.machine, fn.bus).toString(16);
    const devfn = `${(fn.devfn >>> 3).toString(16)}.${fn.devfn & 7}`;
    const root = busNumber(this.machine, rootBusOf(this.machine, fn.bus)).toString(16).padStart(2, '0');
    return printed(`OK id: ${id} root bus: 0000:${root}, bus: ${bus} devfn: ${devfn}\n`);
  }
}

const APM_COMMAND = 0xb2;
/** SMI_EN.APMC_EN. */
const SMI_BY_APM = 0x20;

const irqLine = (effect: Effect): readonly string[] =>
  effect.kind === 'irq' && effect.pin < 24 ? [`IRQ ${effect.level ? 'raise' : 'lower'} ${effect.pin}`] : [];

/** QEMU takes these for PCIe devices wherever they sit, and writes into their header when told to record errors. */
const EXPRESS_WITHOUT_CAPABILITY = new Set(['qemu-xhci', 'nec-usb-xhci', 'vmxnet3']);

/** Cut to the 32 bits QEMU keeps. */
const statusOf = (text: string): number =>
  (/^0[0-7]/.test(text) ? Number.parseInt(text, 8) : Number(text)) >>> 0;

/** A monitor request; one that is no JSON asks for nothing the model knows. */
function requestOf(text: string): { readonly execute?: string; readonly arguments?: Record<string, string> } {
  try {
    return JSON.parse(text) as ReturnType<typeof requestOf>;
  } catch {
    return {};
  }
}

const WIDTH: Readonly<Record<string, number>> = { b: 1, w: 2, l: 4, q: 8 };

const said = (reply: string, reason: string | null = null): Omit<Answer, 'async'> =>
  reason === null ? { reply, reason: '' } : declined(reason);
const declined = (reason: string): Omit<Answer, 'async'> => ({ reply: null, reason });
/** A monitor reply as the recorder prints it: JSON with a blank after each colon and comma. */
const printed = (text: string): Omit<Answer, 'async'> =>
  said(`{"return": ${JSON.stringify(text.replaceAll('\n', '\r\n'))}}`);

function monitored(refusal: string | null): Omit<Answer, 'async'> {
  if (refusal === null) return said('{"return": {}}');
  if (refusal === UNKNOWN_DEVICE)
    return declined('hot-plug of a device or by a controller outside the model');
  const missing = /^Device '.*' not found$/.test(refusal);
  return said(
    `{"error": {"class": "${missing ? 'DeviceNotFound' : 'GenericError'}", "desc": ${JSON.stringify(refusal)}}}`,
  );
}

function little(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = value * 256n + BigInt(bytes[i]!);
  return value;
}

function bytesOf(value: bigint, width: number): Uint8Array {
  return Uint8Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** Addresses above 2^53 are split into page and offset, so that no digit is lost. */
function place(address: string): { page: number; offset: number } {
  const exact = Number(address);
  if (Number.isSafeInteger(exact)) return { page: exact, offset: 0 };
  const wide = BigInt(address);
  return { page: Number(wide & ~0xfffn), offset: Number(wide & 0xfffn) };
}
