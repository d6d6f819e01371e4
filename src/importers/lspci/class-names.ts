/**
 * Class codes by the names lspci prints them with, where it was not asked for numbers.
 * @source the class section of the PCI ID database, pci.ids (names as facts)
 */
const classes: Readonly<Record<string, number>> = {
  'Non-VGA unclassified device': 0x0000,
  'VGA compatible unclassified device': 0x0001,
  'SCSI storage controller': 0x0100,
  'IDE interface': 0x0101,
  'RAID bus controller': 0x0104,
  'SATA controller': 0x0106,
  'Serial Attached SCSI controller': 0x0107,
  'Non-Volatile memory controller': 0x0108,
  'Mass storage controller': 0x0180,
  'Ethernet controller': 0x0200,
  'Infiniband controller': 0x0207,
  'Network controller': 0x0280,
  'VGA compatible controller': 0x0300,
  '3D controller': 0x0302,
  'Display controller': 0x0380,
  'Multimedia video controller': 0x0400,
  'Multimedia audio controller': 0x0401,
  'Audio device': 0x0403,
  'Multimedia controller': 0x0480,
  'RAM memory': 0x0500,
  'FLASH memory': 0x0501,
  'Memory controller': 0x0580,
  'Host bridge': 0x0600,
  'ISA bridge': 0x0601,
  'PCI bridge': 0x0604,
  'CardBus bridge': 0x0607,
  Bridge: 0x0680,
  'Serial controller': 0x0700,
  'Parallel controller': 0x0701,
  'Communication controller': 0x0780,
  PIC: 0x0800,
  IOMMU: 0x0806,
  'SD Host controller': 0x0805,
  'System peripheral': 0x0880,
  'FireWire (IEEE 1394)': 0x0c00,
  'USB controller': 0x0c03,
  'Fibre Channel': 0x0c04,
  SMBus: 0x0c05,
  'IPMI Interface': 0x0c07,
  'Signal processing controller': 0x1180,
  'Processing accelerators': 0x1200,
  'Non-Essential Instrumentation': 0x1300,
  Coprocessor: 0x4000,
};

/** Class and subclass, or null for a name that is not known. */
export const classCode = (name: string): number | null =>
  Object.hasOwn(classes, name) ? classes[name]! : null;
