import { domid, flag, input, int, orNull, outcome, reg32, text, u8, u16, u32, xenSbdf } from '../field.js';

/** @source facts/xen 2.1, 2.3, 3.3, 6.2; xen/arch/x86/{irq,msi,mpparse}.c */
export const irqKinds = {
  'xen.booted': input(
    'Xen on x86 scanned every known segment and gave what it found to the hardware domain.',
    {
      domid: domid('the hardware domain'),
    },
  ),
  'irq.created': outcome('Xen took a free machine interrupt for an MSI.', {
    irq: u32('machine interrupt'),
    domid: domid('the domain on whose behalf'),
  }),
  'irq.destroyed': outcome('A machine interrupt is free again.', { irq: u32('machine interrupt') }),
  'gsi.programmed': outcome('An I/O APIC pin was set up.', {
    gsi: u32('global system interrupt'),
    triggering: u8('0 edge, 1 level'),
    polarity: u8('0 active high, 1 active low'),
  }),
  'pirq.mapped': outcome('A domain has a pirq for a machine interrupt.', {
    domid: domid('the domain'),
    pirq: u32('its name for the interrupt'),
    irq: u32('machine interrupt'),
  }),
  'pirq.unmapped': outcome('A domain lost a pirq.', {
    domid: domid('the domain'),
    pirq: u32('its name for the interrupt'),
    forced: flag('still bound to an event channel: the pirq stays taken until that is closed'),
  }),
  'pirq.emuirq': outcome('A pirq of an HVM domain stands for an emulated interrupt, or no longer does.', {
    domid: domid('the domain'),
    pirq: u32('its name for the interrupt'),
    emuirq: orNull(int('emulated GSI, -2 a passthrough interrupt bound to an event channel; null: unmapped')),
  }),
  'pirq.allocated': outcome('A domain reserved a free pirq.', {
    domid: domid('the domain'),
    pirq: u32('the number'),
  }),
  'pirq.bound': outcome('An interrupt is delivered to a domain from here on.', {
    domid: domid('the domain'),
    pirq: u32('its name for the interrupt'),
    irq: u32('machine interrupt'),
    as: text('`event`, `pci`, `msi`, `msi-translate` or `spi`'),
    shares: flag('other domains may have the interrupt as well'),
    device: orNull(u8('guest slot of an INTx binding')),
    intx: orNull(u8('guest pin of an INTx binding')),
    gvec: orNull(u8('guest vector of an MSI binding')),
    gflags: orNull(reg32('guest destination and mode of an MSI binding')),
  }),
  'pirq.unbound': outcome('An interrupt is no longer delivered to a domain.', {
    domid: domid('the domain'),
    pirq: u32('its name for the interrupt'),
    irq: u32('machine interrupt'),
    device: orNull(u8('guest slot of the INTx binding that went; null: all of it')),
    intx: orNull(u8('guest pin')),
  }),
  'pirq.eoi_page': outcome('A domain gave Xen the page of its EOI flags.', {
    domid: domid('the domain'),
    gmfn: u32('the frame'),
    autoUnmask: flag('an EOI also unmasks the event channel (version 1)'),
  }),
  'msi.enabled': outcome('Xen set up an MSI or MSI-X entry of a device.', {
    sbdf: xenSbdf('the device'),
    type: text('`msi` or `msix`'),
    entry: u16('table entry; 0 for MSI'),
    irq: u32('machine interrupt; the first of several'),
    vectors: u8('vectors of a multi-message MSI'),
  }),
  'msi.disabled': outcome('Xen gave up an MSI or MSI-X entry of a device.', {
    sbdf: xenSbdf('the device'),
    irq: u32('machine interrupt'),
  }),
  'msix.prepared': outcome(
    "Xen counts one use of a device's MSI-X table beyond its entries, or gives it back.",
    {
      sbdf: xenSbdf('the device'),
      prepared: flag('prepare_msix; false: release_msix'),
    },
  ),
  'msix.masked': outcome('A domain set the MASKALL bit it sees.', {
    sbdf: xenSbdf('the device'),
    maskall: flag('the new bit'),
  }),
  'msi.restored': outcome('Xen wrote the messages of a device again.', { sbdf: xenSbdf('the device') }),
  'config.intercepted': outcome('Xen looked at a configuration write of a PV hardware domain.', {
    sbdf: xenSbdf('the device'),
    reg: u16('register offset'),
    size: u8('access size'),
    verdict: int('0 passed on, 1 passed on with the value below, negative errno: refused'),
    value: reg32('what goes to the hardware'),
  }),
  'mmcfg.changed': outcome('Xen turned an MMCFG window on or off.', {
    segment: u16('its segment'),
    startBus: u8('first bus'),
    endBus: u8('last bus'),
    enabled: flag(''),
  }),
};
