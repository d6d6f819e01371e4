/**
 * Every bound that hostile or broken input can run into, with its reason. Readers check these before they allocate.
 */
export const limits = {
  /** Standard input, which is held in memory: larger things come as files. */
  pipedBytes: 1 << 30,
  /** A trace frame's bytes, packed or not: a block of 4,096 events is some 60 kB, 64 MiB is far beyond any writer. */
  blockBytes: 64 << 20,
  /**
   * How many times its packed size a frame's document may have. Real blocks stay below 10; deflate reaches 1,032 and
   * Brotli a million, which makes a few kB take gigabytes. Writers store what packs better as it is.
   */
  frameRatio: 16,
  /** Documents up to this size may pack as well as they like: blocks and snapshots, of which a file has many. */
  smallDocumentBytes: 256 << 10,
  /** The same for header and index, of which it has one: 10,000 equal bridges pack 50 times into a few MiB. */
  singleDocumentBytes: 16 << 20,
  /**
   * Memory that the values of one document take once they are read, as estimated before they are. An empty map is one
   * byte in the file and 64 here. 65,536 functions of a machine and what Xen knows about each need some 40 MiB.
   */
  documentHeapBytes: 64 << 20,
  /** Values in the records of one block: 4,096 hypercalls with ten arguments each need 45,000. */
  blockRecordValues: 1 << 19,
  /**
   * Characters of one block's texts, each counted as often as an event has it: a text of 1 MiB that stands once in
   * the block and in 4,096 events is 4 GiB to whoever prints it.
   */
  blockTextCharacters: 8 << 20,
  /** Device trees: the largest of 576 shipped blobs has 0.2 MiB, QEMU pads to 1 MiB, 10,000 bridges need 5 MiB. */
  fdtBytes: 16 << 20,
  /** Nesting of device-tree nodes; shipped trees stay below 10. */
  fdtDepth: 64,
  /** Nodes of one device tree; 10,000 bridges with a few children each fit. */
  fdtNodes: 1 << 20,
  /** Properties of one device tree; the largest of 577 shipped blobs has under 10,000. */
  fdtProperties: 1 << 20,
  /** Bytes of a node or property name; shipped names stay below 64, the specification's limit is 31. */
  fdtNameBytes: 255,
  /** Bytes of a `compatible`, `reg-names` and the other texts a reader looks at; the longest shipped one has 1,206. */
  fdtTextBytes: 16 << 10,
  /** `ranges` entries looked at while translating all addresses of one tree: 10,000 bridges below three buses need 2 M. */
  fdtTranslationSteps: 1 << 24,
  /** Host bridges of one platform. */
  bridges: 1 << 16,
  /** Turns of a run that nobody bounds; the largest built-in scenario takes 25,088. */
  turns: 1 << 18,
  /** Nesting of record values (hypercall arguments) in an event. */
  recordDepth: 16,
  /** A text field of an event. */
  textLength: 1 << 20,
  /** Path of a XenStore node: XENSTORE_ABS_PATH_MAX of xen/include/public/io/xs_wire.h. */
  xenstorePathBytes: 3072,
  /**
   * Events of a file that an import waits for before it writes the header: what a boot log says about the machine
   * stands among its first few thousand lines.
   */
  importAheadEvents: 4096,
  /**
   * What a packed file unpacks to, whatever its size, and as a multiple of that size. Of 120 logs of real systems those of
   * a few kB pack up to 136 times, larger ones below 40; gzip reaches 1,032 and xz ten times that.
   */
  unpackedBytes: 8 << 20,
  unpackedRatio: 64,
  /** A line of our own NDJSON: a header with its platform, or an event of the longest texts. */
  ndjsonLineBytes: 64 << 20,
  /** Nesting of a line of NDJSON: an event needs 19 levels (`recordDepth` and what stands around), a header fewer. */
  jsonDepth: 32,
  /** CPU numbers in a trace buffer: more than any configuration of Xen has (NR_CPUS is 16,383 at most). */
  xenCpus: 16_384,
  /** Records of a trace buffer that wait for those of other CPUs: 32 CPUs with the 1 MiB buffers of `-S 256`, full. */
  xentraceAheadRecords: 1 << 20,
  /** Accesses of a trace buffer that wait for a first word of the scheduler, which speaks every few milliseconds. */
  xentraceAheadAccesses: 1 << 16,
  /** Records of a QEMU log that wait for the window that names the bridge; kernels use it within their first 20,000. */
  qemuLogAheadRecords: 1 << 16,
  /** A row of a tap: the longest structures of the ABI in hex stay below 20 kB. */
  tapLineBytes: 1 << 20,
  /** A line of xenstored's access log: a message has 4,096 bytes at most (XENSTORE_PAYLOAD_MAX of xs_wire.h). */
  xenstoredLineBytes: 64 << 10,
  /** The same of a message whose value holds line feeds. */
  xenstoredMessageCharacters: 64 << 10,
  /** Connections of xenstored at a time: domains are 32,752 at most, and each program of Dom0 has one. */
  xenstoredConnections: 1 << 16,
  /** Transactions open at a time; xenstored grants a guest 10. */
  xenstoredTransactions: 4_096,
  /** Requests without an answer: clients have one at a time, kernels some more. */
  xenstoredOpen: 1 << 14,
  /** Records, and characters of them, that wait for the end of a transaction; those of xl have some hundreds. */
  xenstoredAheadRecords: 1 << 15,
  xenstoredAheadCharacters: 8 << 20,
  /** A line of a QEMU log; trace lines stay below 200, guest errors quote texts. */
  qemuLogLineBytes: 64 << 10,
  /** One line of a console; longer ones are no text. */
  consoleLineBytes: 64 << 10,
  /** One record of the tap of an ARM Xen. */
  armTapLineBytes: 64 << 10,
  /** Capabilities in one list: 48 fit between 0x40 and 0xff, 960 in extended space (facts/arm-msi-iommu 8.3). */
  capabilities: 48,
  extendedCapabilities: 960,
  /** Findings kept of one rule about one function; the others are counted. No scenario has more than 14 in all. */
  findingsAlike: 100,
  /** Findings kept in all, and functions about which findings are counted apart. */
  findings: 10_000,
  /** Characters of the messages and texts in all findings that are kept: some quote texts out of the trace. */
  findingCharacters: 16 << 20,
  /** Accesses, and steps of the toolstack, that what-if tells one by one; the others are counted. */
  whatIfAccesses: 10_000,
  whatIfSteps: 1_000,
  /** Devices of the toolstack's commands of whom what-if tells what each party knows; hosts have some dozens. */
  whatIfDevices: 1_000,
  /** Lines told of one access, and of each sort in one step: a loop of a device in one step may make millions. */
  whatIfLines: 100,
  /** Characters of them. */
  whatIfCharacters: 8 << 10,
  /** Accesses that differ and may still be spoken of, behind those that are told: requests under way in any run. */
  whatIfOpen: 1 << 14,
  /** A line of a text that people paste: base64 without line ends and pages of HTML have some hundred kB. */
  pastedLineBytes: 4 << 20,
  /** Lines that wait for a place where no wrapped line and no paragraph is cut. */
  pastedLinesAhead: 1024,
  /** An ACPI table, or the text of all of a machine's: a DSDT has some hundred kB. */
  acpiBytes: 16 << 20,
  /** Functions one listing shows; a machine has fewer. */
  listedFunctions: 1 << 16,
  /** Text of one report; the largest logs that people attach have some tens of MiB. */
  reportBytes: 256 << 20,
} as const;
