import { Buffer } from 'node:buffer';
import { type FunctionBytes, type FunctionImage, functionImage } from '../../../src/models/qemu/image.js';
import { imageOf, type QemuMachine } from '../../../src/models/qemu/machine.js';
import { functionById, type PlugRequest, refusesBoolean } from '../../../src/models/qemu/plugging/hotplug.js';
import { extendedCapabilities, findCapability } from '../../../src/pci/capabilities.js';
import { deviceOptions } from './topology.js';

type Options = Readonly<Record<string, unknown>>;

/**
 * Reads the options of `device_add` as QEMU does: where the device goes, what it is made of when the options shape it,
 * and what it lacks. Keeps account of the network addresses and slots that are taken.
 */
export class HotAdded {
  readonly #machine: QemuMachine;
  /** Images from here on were shaped by an earlier request. */
  readonly #plainImages: number;
  /** Network addresses and slot numbers in use, by whom: a device that left gives them back. */
  readonly #macs = new Map<string, string>();
  readonly #slots = new Map<string, string>();

  /** @param args The machine's command line. */
  constructor(machine: QemuMachine, args: readonly string[]) {
    this.#machine = machine;
    this.#plainImages = machine.images.length;
    for (const { type, options } of deviceOptions(args)) {
      this.#take(type, options);
    }
  }

  /** `image`, when the caller knows it already, else one is made when options shape the device. */
  request(options: Options, known?: number): PlugRequest {
    const text = (name: string, otherwise = ''): string => String(options[name] ?? otherwise);
    const driver = text('driver');
    const address = placeOf(options['addr']);
    const image = known ?? this.#shaped(driver, options);
    const refusal = this.#lacks(driver, options);
    const notBoolean = refusesBoolean(this.#machine, 'multifunction', options['multifunction']);
    return {
      driver,
      id: text('id'),
      bus: text('bus'),
      devfn: address === 'bad' ? null : address,
      multifunction: isOn(options['multifunction']),
      ...(image === undefined ? {} : { image }),
      ...(refusal === null ? {} : { refusal }),
      ...(address === 'bad'
        ? { badOption: `Property '${driver}.addr' doesn't take value '${text('addr')}'` }
        : notBoolean === null
          ? {}
          : { badOption: notBoolean }),
    };
  }

  /** The request was carried out: what it took is taken. */
  added(options: Options): void {
    this.#take(String(options['driver'] ?? ''), options);
  }

  #take(type: string, options: Options): void {
    const id = String(options['id'] ?? '');
    const mac = this.#macOf(type, options);
    if (mac !== null) this.#macs.set(mac, id);
    if (SLOT_PORT.test(type)) this.#slots.set(slotKey(options), id);
  }

  /** Taken by a device that is still there; one without a name cannot be asked to leave. */
  #isTaken(by: ReadonlyMap<string, string>, what: string): boolean {
    const id = by.get(what);
    return id !== undefined && (id === '' || functionById(this.#machine, id) !== null);
  }

  /** An option the device cannot start without; QEMU's words. */
  #lacks(driver: string, options: Options): string | null {
    const isBalloon = (type: string): boolean => type.startsWith('virtio-balloon');
    const present = this.#machine.state.functions.flatMap((fn) =>
      fn === null ? [] : [imageOf(this.#machine, fn).type],
    );
    if (isBalloon(driver) && present.some(isBalloon)) return 'Only one balloon device is supported';
    if (driver === 'nvme' && options['serial'] === undefined) return 'serial property not set';
    if (driver === 'ivshmem-plain' && options['memdev'] === undefined) return "You must specify a 'memdev'";
    if (driver === 'pci-bridge' && Number(options['chassis_nr'] ?? 0) === 0) {
      return 'Bridge chassis not specified. Each bridge is required to be assigned a unique chassis id > 0.';
    }
    if (SLOT_PORT.test(driver) && this.#isTaken(this.#slots, slotKey(options))) {
      return "Can't add chassis slot, error -16";
    }
    return null;
  }

  /** Index of an image made for this request; undefined when the type's plain bytes serve. */
  #shaped(driver: string, options: Options): number | undefined {
    const edits: ((bytes: FunctionBytes) => FunctionBytes)[] = [];
    const membar = sizeOf(options['membar']);
    if (driver === 'pci-testdev' && membar > 0) edits.push((bytes) => withMemoryBar(bytes, membar));
    const mac = this.#macOf(driver, options);
    if (mac !== null) edits.push((bytes) => withSerialNumber(bytes, mac));
    const slot = Number(options['slot'] ?? 0);
    if (SLOT_PORT.test(driver)) edits.push((bytes) => withSlot(bytes, slot));
    const chassis = Number(options['chassis_nr'] ?? 0);
    if (driver === 'pci-bridge' && chassis > 0) edits.push((bytes) => withChassis(bytes, chassis));
    const images = this.#machine.images as FunctionImage[];
    const isPlain = ({ type }: FunctionImage, index: number): boolean =>
      type === driver &&
      index < this.#plainImages &&
      images.every(({ virtualFunction }) => virtualFunction !== index);
    const plain = images.findLastIndex(isPlain);
    if (plain < 0 || images.filter(isPlain).some(isVariant(images[plain]!))) return undefined;
    if (edits.length === 0) return plain;
    const shaped = edits.reduce<FunctionBytes>((bytes, edit) => edit(bytes), images[plain]!);
    images.push({ ...functionImage(shaped), virtualFunction: images[plain]!.virtualFunction });
    return images.length - 1;
  }

  /** The address a network card gets: its own, or the first free one of QEMU's. */
  #macOf(driver: string, options: Options): string | null {
    if (!NETWORK.test(driver)) return null;
    if (options['mac'] !== undefined) return String(options['mac']).toLowerCase();
    for (let last = FIRST_MAC; last <= 0xfe; last++) {
      const mac = `52:54:00:12:34:${last.toString(16)}`;
      if (!this.#isTaken(this.#macs, mac)) return mac;
    }
    return null;
  }
}

const NETWORK = /^(e1000|virtio-net-pci|vmxnet3$|rtl8139$|i82|ne2k_pci$|pcnet$|tulip$)/;
const SLOT_PORT = /^(pcie-root-port|ioh3420|xio3130-downstream)$/;
const FIRST_MAC = 0x56;

const slotKey = (options: Options): string =>
  `${Number(options['chassis'] ?? 0)}/${Number(options['slot'] ?? 0)}`;

/** Types with other bytes on another kind of bus are left to the model's choice. */
const isVariant = (plain: FunctionImage) => (image: FunctionImage) =>
  (image.express === null) !== (plain.express === null);

const isOn = (value: unknown): boolean => value === true || /^(on|true|yes)$/.test(String(value ?? ''));

/** `3`, `03.0`, `0x3.0`, hexadecimal; a JSON number is the devfn itself. Null without one, `bad` when it is none. */
function placeOf(value: unknown): number | null | 'bad' {
  if (value === undefined) return null;
  if (typeof value === 'number') return value < 0 ? null : value;
  const match = /^(?:0x)?([0-9a-f]+)(?:\.(?:0x)?([0-9a-f]+))?$/i.exec(String(value));
  if (match === null) return 'bad';
  const device = Number.parseInt(match[1]!, 16);
  const fn = Number.parseInt(match[2] ?? '0', 16);
  return device > 31 || fn > 7 ? 'bad' : device * 8 + fn;
}

function sizeOf(value: unknown): number {
  const match = /^(\d+)([KMG]?)$/i.exec(String(value ?? ''));
  if (match === null) return 0;
  return Number(match[1]) * 2 ** (10 * ' KMG'.indexOf((match[2] ?? '').toUpperCase() || ' '));
}

const copied = (bytes: FunctionBytes): FunctionBytes => ({
  ...bytes,
  config: bytes.config.slice(),
  writeMask: bytes.writeMask.slice(),
});

/** pci-testdev's third BAR: 64 bit, prefetchable, nothing in it. */
function withMemoryBar(bytes: FunctionBytes, sizeBytes: number): FunctionBytes {
  const shaped = copied(bytes);
  const mask = Buffer.alloc(8);
  mask.writeBigUInt64LE(BigInt.asUintN(64, -BigInt(sizeBytes)));
  shaped.writeMask.set(mask, 0x18);
  shaped.config[0x18] = 0x0c;
  return {
    ...shaped,
    bars: [...bytes.bars.filter(({ index }) => index !== 2), { index: 2, sizeBytes, type: 12 }],
  };
}

const SERIAL_NUMBER = 0x0003;

/**
 * The serial number a card makes of its address.
 * @source measured; QEMU include/hw/pci/pcie.h pcie_dev_ser_num_init and its callers in hw/net (7.2)
 */
function withSerialNumber(bytes: FunctionBytes, mac: string): FunctionBytes {
  const at = findCapability(extendedCapabilities(bytes.config), SERIAL_NUMBER);
  if (at === null) return bytes;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((part) => Number.parseInt(part, 16));
  const shaped = copied(bytes);
  const number = bytes.type === 'vmxnet3' ? [0xfe, d, e, f, a, b, c, 0xff] : [f, e, d, 0xff, 0xff, c, b, a];
  shaped.config.set(number, at + 4);
  return shaped;
}

/** Slot number of a port, bits 31:19 of slot capabilities. */
function withSlot(bytes: FunctionBytes, slot: number): FunctionBytes {
  const { express } = functionImage(bytes);
  if (express === null) return bytes;
  const shaped = copied(bytes);
  const view = new DataView(shaped.config.buffer);
  const at = express + 0x14;
  view.setUint32(at, (view.getUint32(at, true) & 0x7ffff) + ((slot * 2 ** 19) >>> 0), true);
  return shaped;
}

/** Chassis number of a conventional bridge, in its slot identification capability. */
function withChassis(bytes: FunctionBytes, chassis: number): FunctionBytes {
  const shaped = copied(bytes);
  const at = shaped.config.indexOf(0x04, 0x48);
  if (at === 0x48) shaped.config[at + 3] = chassis;
  return shaped;
}
