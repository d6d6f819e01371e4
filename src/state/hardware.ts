import type { Slice } from './slice.js';

/** What the machine itself is in: functions on their buses and the registers that left their power-on value. */
export interface HardwareState {
  /** By FunctionId. */
  present: Record<number, true>;
  /** By FunctionId, then by register offset (a multiple of 4): values that differ from the platform's image. */
  config: Record<number, Record<number, number>>;
  /** By FunctionId: functions that answer nothing, or will not after a reset. Absent until there is one. */
  hung?: Record<number, 'at-reset' | 'now'>;
}

function hang({ hung }: HardwareState, fn: number): void {
  if (hung?.[fn] !== undefined) hung[fn] = 'now';
}

export const hardwareSlice: Slice<HardwareState> = {
  initial: ({ platform }) => {
    const present: Record<number, true> = {};
    for (const fn of platform.functions) if (fn.present) present[fn.function] = true;
    return { present, config: {} };
  },
  on: {
    'machine.told': (hw, { data }) => {
      if (data.function !== null) hw.present[data.function] = true;
    },
    'device.plugged': (hw, { data }) => {
      hw.present[data.function] = true;
      delete hw.config[data.function];
    },
    'device.unplugged': (hw, { data }) => {
      delete hw.present[data.function];
      delete hw.config[data.function];
    },
    'device.hung': (hw, { data }) => {
      hw.hung ??= {};
      if (data.hangs === 'no') delete hw.hung[data.function];
      else hw.hung[data.function] = data.hangs;
    },
    'device.reset': (hw, { data }) => hang(hw, data.function),
    'linux.device-reset': (hw, { data }) => {
      if (data.method !== null) hang(hw, data.function);
    },
    'config.changed': (hw, { data }) => {
      hw.config[data.function] ??= {};
      hw.config[data.function]![data.reg] = data.value;
    },
  },
};
