import type { Printed } from './printed.js';

/** Messages the models have no part in, by who prints them; a message of anybody else is judged. */
interface Left {
  /** File of libxl's source, without `libxl_` and `.c`. */
  readonly source: string;
  /** Function, where the file has others that are judged. */
  readonly from?: RegExp;
  /** What the message has, where the function has others that are judged. */
  readonly text?: RegExp;
  readonly why: string;
}

const BUILD = 'the build of a domain apart from its PCI devices';
const END = 'the end of a domain apart from its PCI devices';
const OTHERS = 'devices that are not PCI';

const table: readonly Left[] = [
  { source: 'qmp', why: 'the connection to the device model' },
  { source: 'dm', why: 'the device model as a process' },
  { source: 'aoutils', why: 'processes of the toolstack' },
  { source: 'exec', why: 'processes of the toolstack' },
  { source: 'event', why: 'the event loop of the toolstack' },
  { source: 'domain', why: END },
  { source: 'dom', why: END },
  { source: 'dom_suspend', why: 'suspending a domain' },
  { source: 'bootloader', why: BUILD },
  { source: 'cpuid', why: BUILD },
  { source: 'mem', why: BUILD },
  { source: 'numa', why: BUILD },
  { source: 'sched', why: BUILD },
  { source: 'vcpu', why: BUILD },
  { source: 'create', from: /^(?!domcreate_attach_devices)/, why: BUILD },
  {
    source: 'create',
    from: /^domcreate_attach_devices$/,
    text: /^error: unable to add (?!pci )/,
    why: OTHERS,
  },
  { source: 'disk', why: OTHERS },
  { source: 'nic', why: OTHERS },
  { source: 'console', why: OTHERS },
  { source: 'vkb', why: OTHERS },
  { source: 'vfb', why: OTHERS },
  { source: 'usb', why: OTHERS },
  { source: 'linux', why: OTHERS },
  { source: 'device', from: /^device_addrm_aocomplete$/, text: /^error: Unable to /, why: OTHERS },
  { source: 'device', from: /^libxl__wait_for_backend$/, text: /\/backend\/(?!pci\/)/, why: OTHERS },
  { source: 'device', from: /^(?!libxl__wait_for_backend$|device_addrm_aocomplete$)/, why: OTHERS },
];

/** Why a message is not judged; null: it is. */
export function whyLeft({ source, from, text }: Printed): string | null {
  const name = source.replace(/^libxl_/, '').replace(/\.c$/, '');
  const left = table.find(
    (one) => one.source === name && one.from?.test(from) !== false && one.text?.test(text) !== false,
  );
  return left === undefined ? null : left.why;
}

/** What only a command says that changed nothing in XenStore. */
const alone =
  /Couldn't lstat |failed to de-quarantine |Couldn't bind device to pciback|not attached to this domain|not rebinding$/;

/** Where no file names the commands, such a command is known by its message, which therefore proves nothing. */
export const isOwnProof = ({ text }: Printed): boolean => alone.test(text);
