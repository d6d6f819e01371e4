import type { Slice } from './slice.js';

/** A PCI device as the hardware domain's Linux has it. */
export interface LinuxDevice {
  /** FunctionId. */
  function: number;
  /** Interrupt its pin is routed to; 0 for none. */
  gsi: number;
  driver: string | null;
  driverOverride: string | null;
  enabled: boolean;
  /** Physical function of a virtual one. */
  physfn: number | null;
  /** Domain for which Linux maps this device's interrupts; null: itself. */
  owner: number | null;
}

export interface LinuxState {
  /** By Dom0Sbdf. */
  devices: Record<number, LinuxDevice>;
  /** GSIs Linux has an irq for. */
  gsis: Record<number, true>;
  /** The report of a device Xen has not answered yet: its place in the log. */
  reporting?: number;
  /** False once Xen answered such a report with -ENOSYS. */
  knowsSegments?: false;
}

const ENOSYS = -38;

export const linuxSlice: Slice<LinuxState> = {
  initial: () => ({ devices: {}, gsis: {} }),
  on: {
    'linux.enumerated': (linux, { data }) => {
      linux.devices[data.sbdf] = {
        function: data.function,
        gsi: data.gsi,
        driver: data.driver,
        driverOverride: null,
        enabled: data.enabled,
        physfn: data.physfn,
        owner: null,
      };
    },
    'linux.found': (linux, { data }) => {
      linux.devices[data.sbdf] = {
        function: data.function,
        gsi: 0,
        driver: null,
        driverOverride: null,
        enabled: false,
        physfn: null,
        owner: null,
      };
    },
    'linux.routed': (linux, { data }) => {
      const device = linux.devices[data.sbdf];
      if (device !== undefined) Object.assign(device, { gsi: data.gsi, physfn: data.physfn });
    },
    'owner.went': (linux) => {
      linux.devices = {};
      linux.gsis = {};
      delete linux.reporting;
      delete linux.knowsSegments;
    },
    'linux.forgot': (linux, { data }) => {
      delete linux.devices[data.sbdf];
    },
    'linux.removed': (linux, { data }) => {
      delete linux.devices[data.sbdf];
    },
    'linux.driver-changed': (linux, { data }) => {
      const device = linux.devices[data.sbdf];
      if (device !== undefined) device.driver = data.driver;
    },
    'linux.override-changed': (linux, { data }) => {
      const device = linux.devices[data.sbdf];
      if (device !== undefined) device.driverOverride = data.driver;
    },
    'linux.owner-changed': (linux, { data }) => {
      const device = linux.devices[data.sbdf];
      if (device !== undefined) device.owner = data.domid;
    },
    'linux.enable-changed': (linux, { data }) => {
      const device = linux.devices[data.sbdf];
      if (device !== undefined) device.enabled = data.enabled;
    },
    'hypercall.entered': (linux, { seq, data }) => {
      if (data.op === 'pci_device_add') linux.reporting = seq;
    },
    'hypercall.returned': (linux, { cause, data }) => {
      if (linux.reporting === undefined || cause !== linux.reporting) return;
      delete linux.reporting;
      if (data.ret === ENOSYS) linux.knowsSegments = false;
    },
    'linux.gsi-mapped': (linux, { data }) => {
      linux.gsis[data.gsi] = true;
    },
  },
};
