import {
  domid,
  errnoField,
  flag,
  int,
  orNull,
  reg32,
  registerOffset,
  segment,
  text,
  u8,
  u16,
  u32,
  xenSbdf,
} from '../field.js';
import { input, outcome } from '../kind.js';

/** @source facts/xen 2.1, 2.3, 3.3, 6.2; xen/arch/x86/{irq,msi,mpparse}.c */
export const irqKinds = {
  'xen.booted': input(
    'Xen on x86 scanned every known segment and gave what it found to the hardware domain.',
    {
      domid: domid('the hardware domain'),
    },
    {
      told: 'inside',
      reads: 'Xen scans every segment it knows for {domid}',
      decidedBy: 'scan of known segments, facts/xen 3.1',
    },
  ),
  'irq.created': outcome(
    'Xen took a free machine interrupt for an MSI.',
    {
      irq: u32('machine interrupt'),
      domid: domid('the domain on whose behalf'),
    },
    { told: 'inside', reads: 'Xen takes interrupt {irq} for {domid}' },
  ),
  'irq.destroyed': outcome(
    'A machine interrupt is free again.',
    { irq: u32('machine interrupt') },
    { told: 'inside', reads: 'interrupt {irq} is free again' },
  ),
  'gsi.programmed': outcome(
    'An I/O APIC pin was set up.',
    {
      gsi: u32('global system interrupt'),
      triggering: u8('0 edge, 1 level'),
      polarity: u8('0 active high, 1 active low'),
    },
    { told: 'hardware', reads: 'the I/O APIC pin of GSI {gsi} is set up', gist: null },
  ),
  'pirq.mapped': outcome(
    'A domain has a pirq for a machine interrupt.',
    {
      domid: domid('the domain'),
      pirq: u32('its name for the interrupt'),
      irq: u32('machine interrupt'),
    },
    { told: 'inside', reads: '{domid} has pirq {pirq} for interrupt {irq}' },
  ),
  'pirq.unmapped': outcome(
    'A domain lost a pirq.',
    {
      domid: domid('the domain'),
      pirq: u32('its name for the interrupt'),
      forced: flag('still bound to an event channel: the pirq stays taken until that is closed'),
    },
    { told: 'inside', reads: '{domid} loses pirq {pirq}' },
  ),
  'pirq.emuirq': outcome(
    'A pirq of an HVM domain stands for an emulated interrupt, or no longer does.',
    {
      domid: domid('the domain'),
      pirq: u32('its name for the interrupt'),
      emuirq: orNull(
        int('emulated GSI, -2 a passthrough interrupt bound to an event channel; null: unmapped'),
      ),
    },
    { told: 'inside', reads: 'pirq {pirq} of {domid} stands for {emuirq}' },
  ),
  'pirq.allocated': outcome(
    'A domain reserved a free pirq.',
    {
      domid: domid('the domain'),
      pirq: u32('the number'),
    },
    { told: 'inside', reads: '{domid} reserves pirq {pirq}' },
  ),
  'pirq.bound': outcome(
    'An interrupt is delivered to a domain from here on.',
    {
      domid: domid('the domain'),
      pirq: u32('its name for the interrupt'),
      irq: u32('machine interrupt'),
      as: text('`event`, `pci`, `msi`, `msi-translate` or `spi`'),
      shares: flag('other domains may have the interrupt as well'),
      device: orNull(u8('guest slot of an INTx binding')),
      intx: orNull(u8('guest pin of an INTx binding')),
      gvec: orNull(u8('guest vector of an MSI binding')),
      gflags: orNull(reg32('guest destination and mode of an MSI binding')),
    },
    {
      told: 'inside',
      reads: 'interrupt {irq} goes to {domid} as {as} of pirq {pirq}',
      holds: ({ gflags }) => (gflags === null ? [] : [{ is: 'gflags', value: gflags }]),
    },
  ),
  'pirq.unbound': outcome(
    'An interrupt is no longer delivered to a domain.',
    {
      domid: domid('the domain'),
      pirq: u32('its name for the interrupt'),
      irq: u32('machine interrupt'),
      device: orNull(u8('guest slot of the INTx binding that went; null: all of it')),
      intx: orNull(u8('guest pin')),
    },
    { told: 'inside', reads: 'interrupt {irq} goes to {domid} no more' },
  ),
  'pirq.eoi_page': outcome(
    'A domain gave Xen the page of its EOI flags.',
    {
      domid: domid('the domain'),
      gmfn: u32('the frame'),
      autoUnmask: flag('an EOI also unmasks the event channel (version 1)'),
    },
    { told: 'inside', reads: '{domid} has its EOI flags in frame {gmfn}' },
  ),
  'msi.enabled': outcome(
    'Xen set up an MSI or MSI-X entry of a device.',
    {
      sbdf: xenSbdf('the device'),
      type: text('`msi` or `msix`'),
      entry: u16('table entry; 0 for MSI'),
      irq: u32('machine interrupt; the first of several'),
      vectors: u8('vectors of a multi-message MSI'),
    },
    {
      told: 'hardware',
      reads: 'Xen sets up {type} entry {entry} of {sbdf} with interrupt {irq}',
      gist: null,
    },
  ),
  'msi.disabled': outcome(
    'Xen gave up an MSI or MSI-X entry of a device.',
    {
      sbdf: xenSbdf('the device'),
      irq: u32('machine interrupt'),
    },
    { told: 'hardware', reads: 'Xen gives up interrupt {irq} of {sbdf}', gist: null },
  ),
  'msix.prepared': outcome(
    "Xen counts one use of a device's MSI-X table beyond its entries, or gives it back.",
    {
      sbdf: xenSbdf('the device'),
      prepared: flag('prepare_msix; false: release_msix'),
    },
    { told: 'inside', reads: 'Xen counts one use of the MSI-X table of {sbdf} {prepared?more:less}' },
  ),
  'msix.masked': outcome(
    'A domain set the MASKALL bit it sees.',
    {
      sbdf: xenSbdf('the device'),
      maskall: flag('the new bit'),
    },
    { told: 'inside', reads: 'MASKALL of {sbdf} as its domain sees it is {maskall?set:clear}' },
  ),
  'msi.restored': outcome(
    'Xen wrote the messages of a device again.',
    { sbdf: xenSbdf('the device') },
    { told: 'hardware', reads: 'Xen writes the messages of {sbdf} again', gist: null },
  ),
  'config.intercepted': outcome(
    'Xen looked at a configuration write of a PV hardware domain.',
    {
      sbdf: xenSbdf('the device'),
      reg: registerOffset(16, 'register offset'),
      size: u8('access size'),
      verdict: errnoField('0 passed on, 1 passed on with the value below, negative errno: refused'),
      value: reg32('what goes to the hardware'),
    },
    { told: 'inside', reads: 'Xen looks at the write to register {reg} of {sbdf}: {verdict}, {value}' },
  ),
  'mmcfg.changed': outcome(
    'Xen turned an MMCFG window on or off.',
    {
      segment: segment(16, 'xen', 'its segment'),
      startBus: u8('first bus'),
      endBus: u8('last bus'),
      enabled: flag(''),
    },
    {
      told: 'inside',
      reads: 'the window of segment {segment}, buses {startBus} to {endBus}, is {enabled?on:off}',
    },
  ),
};
