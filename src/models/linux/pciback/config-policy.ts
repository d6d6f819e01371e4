import { hex } from '../../../base/hex.js';
import { pcibios, pcibiosToError } from '../pciif/page.js';
import type { DevicePort } from './device.js';
import { isPermissive, readField, writeField } from './field-policy.js';
import { buildFields, type ConfigField } from './fields.js';

/** Answer of one config access of a guest: `err` as it goes into the shared page. */
export interface ConfigAnswer {
  readonly err: number;
  readonly value: number;
}

/** The overlay with the fields that `quirks` added; one at an offset that has a field already is ignored. */
export function fieldsOf(port: DevicePort): readonly ConfigField[] {
  const built = buildFields((reg, size) => port.read(reg, size));
  const added = port.policy.quirks.filter((quirk) => !built.some((field) => field.offset === quirk.offset));
  return [...built, ...added.map((quirk): ConfigField => ({ ...quirk, kind: 'quirk' }))];
}

/**
 * A guest's config read: hardware first (its side effects happen), then each overlapping field over it. No capability
 * is hidden. @source facts/dom0 5.1
 */
export function configRead(port: DevicePort, offset: number, size: number): ConfigAnswer {
  if (!isValid(offset, size)) return { err: pcibiosToError(pcibios.BAD_REGISTER_NUMBER), value: 0 };
  let value = port.read(offset, size);
  for (const field of overlapping(port, offset, size)) {
    value = merge(value, readField(port, field), field.size, field.offset - offset);
  }
  return { err: 0, value: cut(value, size) };
}

/**
 * A guest's config write: every overlapping field gets its merged value, and then the access counts as handled. What
 * no field handles reaches hardware in permissive mode and is dropped, with success, otherwise. @source facts/dom0 5.2
 */
export function configWrite(port: DevicePort, offset: number, size: number, value: number): ConfigAnswer {
  if (!isValid(offset, size)) return { err: pcibiosToError(pcibios.BAD_REGISTER_NUMBER), value };
  let handled = false;
  let code = 0;
  for (const field of overlapping(port, offset, size)) {
    const merged = merge(readField(port, field), value, size, offset - field.offset);
    code = writeField(port, field, cut(merged, field.size));
    handled = true;
  }
  if (!handled) {
    if (isPermissive(port)) port.write(offset, size, value);
    else if (!port.policy.warnedOnWrite) {
      port.update({ warnedOnWrite: true });
      port.warn(
        `Driver tried to write to a read-only configuration space field at offset ${hex(offset)}, size ${size}.`,
      );
    }
  }
  return { err: pcibiosToError(code), value };
}

const isValid = (offset: number, size: number): boolean =>
  (size === 1 || size === 2 || size === 4) && offset >= 0 && offset % size === 0;

const overlapping = (port: DevicePort, offset: number, size: number): readonly ConfigField[] =>
  fieldsOf(port).filter((field) => field.offset < offset + size && offset < field.offset + field.size);

/** Puts `size` bytes of `data` into `base` at byte `shift`, which may be negative. */
function merge(base: number, data: number, size: number, shift: number): number {
  let result = base;
  for (let i = 0; i < size; i++) {
    const lane = i + shift;
    if (lane < 0 || lane > 3) continue;
    const byte = (data >>> (8 * i)) & 0xff;
    result = ((result & ~(0xff << (8 * lane))) | (byte << (8 * lane))) >>> 0;
  }
  return result;
}

const cut = (value: number, size: number): number =>
  size === 4 ? value >>> 0 : value & (2 ** (8 * size) - 1);
