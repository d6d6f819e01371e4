/** What other programs import as `xen-pci-replay`: everything that runs anywhere, and what needs files. */
export type { FileCounts } from '../importers/merge.js';
export type { Imported } from '../machine/import-trace.js';
export * from './core.js';
export { type ImportChoices, importFiles, openFile } from './files.js';
