import { hexPad } from '../base/hex.js';

/** A GICv3 ITS command with the fields it has. RDbase is a processor number (PTA = 0) or a redistributor frame number (PTA = 1). */
export type ItsCommand =
  | {
      readonly name: 'MAPD';
      readonly deviceId: number;
      /** log2 of the number of events, 1 to 32. */
      readonly eventIdBits: number;
      readonly ittAddress: number;
      readonly valid: boolean;
    }
  | { readonly name: 'MAPC'; readonly icid: number; readonly rdBase: number; readonly valid: boolean }
  | {
      readonly name: 'MAPTI';
      readonly deviceId: number;
      readonly eventId: number;
      readonly lpi: number;
      readonly icid: number;
    }
  | {
      readonly name: 'MAPI' | 'MOVI';
      readonly deviceId: number;
      readonly eventId: number;
      readonly icid: number;
    }
  | {
      readonly name: 'INT' | 'CLEAR' | 'INV' | 'DISCARD';
      readonly deviceId: number;
      readonly eventId: number;
    }
  | { readonly name: 'SYNC'; readonly rdBase: number }
  | { readonly name: 'INVALL'; readonly icid: number }
  | { readonly name: 'MOVALL'; readonly rdBase: number; readonly rdBase2: number };

export type ItsCommandName = ItsCommand['name'];

/** Opcodes by name. @source facts/arm-msi-iommu 3.2 */
const itsOpcodes: Readonly<Record<ItsCommandName, number>> = {
  MOVI: 0x01,
  INT: 0x03,
  CLEAR: 0x04,
  SYNC: 0x05,
  MAPD: 0x08,
  MAPC: 0x09,
  MAPTI: 0x0a,
  MAPI: 0x0b,
  INV: 0x0c,
  INVALL: 0x0d,
  MOVALL: 0x0e,
  DISCARD: 0x0f,
};

const nameByOpcode = new Map<number, ItsCommandName>(
  (Object.keys(itsOpcodes) as ItsCommandName[]).map((name) => [itsOpcodes[name], name]),
);

/** Words D0 to D3 of a command, each as `0x` and 16 digits. */
export type ItsWords = readonly [string, string, string, string];

const VALID = 0x8000_0000;
const word = (high: number, low: number): string => `0x${hexPad(high >>> 0, 8)}${hexPad(low >>> 0, 8)}`;

/** A 52-bit address or a field placed by its value, split in halves. */
const high = (value: number): number => Math.floor(value / 2 ** 32);
const low = (value: number): number => value % 2 ** 32;
const rd = (rdBase: number): number => rdBase * 0x1_0000;

/** @source facts/arm-msi-iommu 3.2 */
export function encodeItsCommand(command: ItsCommand): ItsWords {
  const op = itsOpcodes[command.name];
  const zero = word(0, 0);
  switch (command.name) {
    case 'MAPD': {
      const itt = command.ittAddress - (command.ittAddress % 0x100);
      return [
        word(command.deviceId, op),
        word(0, (command.eventIdBits - 1) & 0x1f),
        word((command.valid ? VALID : 0) + high(itt), low(itt)),
        zero,
      ];
    }
    case 'MAPC': {
      const base = rd(command.rdBase);
      return [
        word(0, op),
        zero,
        word((command.valid ? VALID : 0) + high(base), low(base) + (command.icid & 0xffff)),
        zero,
      ];
    }
    case 'MAPTI':
      return [
        word(command.deviceId, op),
        word(command.lpi, command.eventId),
        word(0, command.icid & 0xffff),
        zero,
      ];
    case 'MAPI':
    case 'MOVI':
      return [word(command.deviceId, op), word(0, command.eventId), word(0, command.icid & 0xffff), zero];
    case 'INT':
    case 'CLEAR':
    case 'INV':
    case 'DISCARD':
      return [word(command.deviceId, op), word(0, command.eventId), zero, zero];
    case 'SYNC':
      return [word(0, op), zero, word(high(rd(command.rdBase)), low(rd(command.rdBase))), zero];
    case 'INVALL':
      return [word(0, op), zero, word(0, command.icid & 0xffff), zero];
    case 'MOVALL':
      return [
        word(0, op),
        zero,
        word(high(rd(command.rdBase)), low(rd(command.rdBase))),
        word(high(rd(command.rdBase2)), low(rd(command.rdBase2))),
      ];
  }
}

/** Reads four words; null when one is malformed or the opcode is none of the architecture's physical commands. */
export function decodeItsCommand(words: ItsWords): ItsCommand | null {
  const halves: number[] = [];
  for (const text of words) {
    const match = /^0x([0-9a-f]{8})([0-9a-f]{8})$/i.exec(text);
    if (match === null) return null;
    halves.push(Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16));
  }
  const [deviceId, d0, d1High, d1, d2High, d2, d3High, d3] = halves as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const name = nameByOpcode.get(d0 & 0xff);
  const icid = d2 & 0xffff;
  const valid = d2High >= VALID;
  const rdBase = frame(d2High, d2);
  switch (name) {
    case undefined:
      return null;
    case 'MAPD':
      return {
        name,
        deviceId,
        eventIdBits: (d1 & 0x1f) + 1,
        ittAddress: (d2High & 0xfffff) * 2 ** 32 + (d2 - (d2 % 0x100)),
        valid,
      };
    case 'MAPC':
      return { name, icid, rdBase, valid };
    case 'MAPTI':
      return { name, deviceId, eventId: d1, lpi: d1High, icid };
    case 'MAPI':
    case 'MOVI':
      return { name, deviceId, eventId: d1, icid };
    case 'INT':
    case 'CLEAR':
    case 'INV':
    case 'DISCARD':
      return { name, deviceId, eventId: d1 };
    case 'SYNC':
      return { name, rdBase };
    case 'INVALL':
      return { name, icid };
    case 'MOVALL':
      return { name, rdBase, rdBase2: frame(d3High, d3) };
  }
}

/** Bits 51:16 of a word. */
function frame(highHalf: number, lowHalf: number): number {
  return (highHalf & 0xfffff) * 0x1_0000 + Math.floor(lowHalf / 0x1_0000);
}

/** The 32 bytes of a command in memory order (little-endian words), as hex digits. */
export function itsCommandBytes(words: ItsWords): string {
  return words.map((text) => text.slice(2).match(/../g)!.reverse().join('')).join('');
}
