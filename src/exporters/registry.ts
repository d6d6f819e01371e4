import type { Exporter } from './exporter.js';

/** Every format a trace can be written in, by the name `export --to` has for it; loaded when it is asked for. */
export const exporters: Readonly<Record<string, () => Promise<Exporter>>> = {
  ndjson: async () => (await import('./ndjson.js')).ndjsonExporter,
};

/** Their names, for help and errors. */
export const exportNames: readonly string[] = Object.keys(exporters);
