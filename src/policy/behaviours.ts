/** A change of what models decide that older traces do not have: they go on being decided the old way. */
export interface Behaviour {
  /** What a trace's header stores; never given to another change. */
  readonly number: number;
  /** First release whose recordings have it. */
  readonly since: string;
  readonly doc: string;
}

/** Every such change, oldest first; only ever appended to. */
export const behaviourTable = {
  'linux-assigns': {
    number: 1,
    since: '0.2.0',
    doc: 'A scan of Linux numbers buses, sizes BARs and assigns addresses and windows as Linux does; before, it took them as firmware left them.',
  },
  'creation-gate': {
    number: 2,
    since: '0.2.0',
    doc: 'xl checks whether a domain may have devices before it builds one; before, it went as far as the assignment.',
  },
  'creation-goes-on': {
    number: 3,
    since: '0.2.0',
    doc: 'Where one device of a new domain is refused, xl brings in the others and says at the end that devices are missing; before, it stopped at the first. A device another guest has is refused with -1, as Xen said it; before, with -3.',
  },
  'chipset-ports': {
    number: 4,
    since: '0.2.0',
    doc: "Under `mmconfig=xen-chipset` Xen's root ports have every register of their kind, slots, AER, PME and interrupts, and what QEMU loses is told as the guest needs it; there and under `transparent` Xen notes per server behind which port its registrations stand.",
  },
  'pciback-lists-in-order': {
    number: 5,
    since: '0.2.0',
    doc: "pciback's files list devices as they were seized: fields with the oldest first, the others with the newest; before, by address.",
  },
  'guests-say-why': {
    number: 6,
    since: '0.2.0',
    doc: 'A guest prints why it has no MSI, and pciback that a device is not connected or owned by HVM when an error meets it; before, the guest said nothing and pciback spoke of a missing AER driver.',
  },
  'vtd-translates': {
    number: 7,
    since: '0.2.0',
    doc: 'On x86 Xen writes context entries for its devices, and their requests go through them; before, every request reached the address it named.',
  },
  'suspend-modelled': {
    number: 8,
    since: '0.2.0',
    doc: 'Xen answers XENPF_enter_acpi_sleep and the logging of writes (XEN_DOMCTL_shadow_op), and the frontend of a suspended guest stands still; before, Xen did not know either (-ENOSYS) and frontends went on.',
  },
  'pv-page-tables': {
    number: 9,
    since: '0.2.0',
    doc: 'Xen checks page table entries PV domains ask for with mmu_update and update_va_mapping; before, it answered -ENOSYS.',
  },
  'seize-asks-the-store': {
    number: 10,
    since: '0.2.0',
    doc: 'Under `assignable=xen-flag` and `xenstore` the option `seize` of a device puts it on that list; before, it gave it to pciback, where those designs do not look.',
  },
  'devices-leave-side-by-side': {
    number: 11,
    since: '0.2.0',
    doc: 'At the end of an HVM guest xl asks the device model for every device before it waits for the first, and of a device that the guest does not have it says what libxl says and, before 4.18, takes no permissions back; before, one device left after the other, and permissions went with each.',
  },
  'releases-by-point': {
    number: 12,
    since: '0.3.0',
    doc: 'What a release of Xen, Linux or QEMU has is read from one table of changes with the first point release of every branch; a minor means its newest point release, and a few changes follow the release that really brought them.',
  },
  'arm-as-it-runs': {
    number: 13,
    since: '0.3.0',
    doc: 'Xen on ARM has PCI since 4.21 only; a removal behind an SMMUv3 stops Xen, a direct assignment behind an SMMUv2 fails half way, quarantine=none leaves the stream with Dom0; Linux falls back when Xen does not know an operation. What ends in a stop of Xen does not return.',
  },
  'arm-boots-whole': {
    number: 14,
    since: '0.3.0',
    doc: 'When Xen boots on ARM it probes every host bridge of its tree; before, only a probe that was told did so.',
  },
  'xen-as-released': {
    number: 15,
    since: '0.3.0',
    doc: 'Xen on x86 answers as the sources of each release do: removals of types VT-d does not know, host bridges in quarantine, devices without a domain, MSI-X of virtual functions and of devices that have hung, own interrupts of an HVM domain, removals and second mappings of memory, vPCI over assignments; before, some answers of one release stood for all.',
  },
  'qemu-as-released': {
    number: 16,
    since: '0.3.0',
    doc: "QEMU's machines are reset as a whole by 0xCF9, port 0x92 and the keyboard controller and follow the releases of QEMU and of the machine type; before, a reset request did nothing and every machine was one of 7.2.",
  },
  'adds-are-mapped': {
    number: 17,
    since: '0.3.0',
    doc: 'A device that Dom0 reports to Xen with VT-d gets its context entry, and one of a type VT-d does not know is refused; before, a report left no entry, and the device reached no memory.',
  },
  'pciback-as-released': {
    number: 18,
    since: '0.3.0',
    doc: 'pciback turns off MSI or MSI-X only where that one is on, gives back the interrupts of a request that fails half way, tells Xen of a reset when it lets go of a device, and its lines name driver and device; before, any request turned off what was on, interrupts stayed, and some lines had no name.',
  },
} as const satisfies Record<string, Behaviour>;

export type BehaviourName = keyof typeof behaviourTable;

const entries: readonly Behaviour[] = Object.values(behaviourTable);

/** What a new recording has: all of them, in order. */
export const currentBehaviour: readonly number[] = entries.map(({ number }) => number);

/** Numbers this version does not know: such a trace comes from a newer one. */
export function unknownBehaviour(numbers: readonly number[]): readonly number[] {
  return numbers.filter((number) => !currentBehaviour.includes(number));
}

/** Whether a recording has the change. @cost O(changes), a handful */
export function hasBehaviour(behaviour: readonly number[], name: BehaviourName): boolean {
  const { number }: Behaviour = behaviourTable[name];
  return behaviour.includes(number);
}
