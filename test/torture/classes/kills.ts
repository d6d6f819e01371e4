import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Trouble } from '../../../src/base/errors.js';
import { repair } from '../../../src/log/fsck.js';
import { TraceReader } from '../../../src/log/reader.js';
import { bytesSource, MemoryStore } from '../../../src/log/stores/memory-store.js';
import type { TortureClass } from '../torture-class.js';
import { contentOf, fsckOf } from '../verdict.js';
import type { Workshop } from '../workshop.js';

/** A command that writes a file for long enough to be killed in the middle. */
interface Job {
  readonly name: string;
  /** Puts its input down; the command line. */
  readonly begin: (workshop: Workshop) => Promise<readonly string[]> | readonly string[];
  readonly out: string;
}

const jobs: readonly Job[] = [
  {
    name: 'record',
    out: 'out.xpr',
    begin: ({ path }) => ['record', 'guest-boot-1000', '-o', path('out.xpr')],
  },
  {
    name: 'import',
    out: 'out.xpr',
    begin: async (workshop) => {
      const input = workshop.path('in.ndjson');
      await workshop.xpr(['export', workshop.corpus.longTrace(), '--to', 'ndjson', '-o', input]);
      return ['import', input, '-o', workshop.path('out.xpr')];
    },
  },
  {
    name: 'what-if',
    out: 'out.xpr',
    begin: (workshop) => [
      'what-if',
      long(workshop),
      '--policy',
      'mmconfig=notify',
      '-o',
      workshop.path('out.xpr'),
    ],
  },
  {
    name: 'repair',
    out: 'out.xpr',
    begin: (workshop) => ['fsck', long(workshop), '--repair', workshop.path('out.xpr')],
  },
  {
    name: 'export',
    out: 'out.ndjson',
    begin: (workshop) => ['export', long(workshop), '--to', 'ndjson', '-o', workshop.path('out.ndjson')],
  },
];

/** What a job writes when nobody kills it, and how long it takes. */
interface Reference {
  readonly bytes: Buffer;
  readonly takesMs: number;
}
const references = new Map<string, Reference>();

export const kills: TortureClass = {
  name: 'kills',
  doc: 'a command that writes is killed (SIGKILL) at any moment',
  share: 0.02,
  keepsMuch: true,
  prepare(prng, workshop) {
    const job = prng.pick(jobs);
    const moment = prng.below(1_100) / 1_000;
    const replaces = prng.below(2) === 0;
    const completes = prng.below(3) === 0;
    return {
      about: `${job.name} after ${moment} of its time${replaces ? ', over an earlier file' : ''}`,
      inputs: {},
      run: async () => {
        const reference = references.get(job.name) ?? (await refer(workshop, job));
        references.set(job.name, reference);
        workshop.clear();
        const args = await job.begin(workshop);
        const before = replaces ? earlier(workshop, job) : null;
        const inputs = workshop.files();
        await killed(workshop, args, moment * reference.takesMs);
        const fault = leftFault(workshop, job, inputs, { before, after: reference.bytes });
        if (fault !== null || !completes) return fault;
        await end(start(workshop, args));
        const written = workshop.files().get(job.out);
        return written?.equals(reference.bytes) === true
          ? null
          : 'a run after it does not write what it should';
      },
    };
  },
};

function long({ corpus, path }: Workshop): string {
  copyFileSync(corpus.longTrace(), path('in.xpr'));
  return path('in.xpr');
}

async function refer(workshop: Workshop, job: Job): Promise<Reference> {
  const args = await job.begin(workshop);
  const from = performance.now();
  await end(start(workshop, args));
  return { bytes: readFileSync(workshop.path(job.out)), takesMs: performance.now() - from };
}

/** A file of the same kind that stands where the job writes. */
function earlier({ corpus, path }: Workshop, job: Job): Buffer | null {
  if (!job.out.endsWith('.xpr')) return null;
  copyFileSync(corpus.traces()[0]!, path(job.out));
  return readFileSync(path(job.out));
}

const start = ({ main, folder }: Workshop, args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [main, ...args], { cwd: folder, stdio: 'ignore' });

const end = (child: ChildProcess): Promise<void> =>
  new Promise((done) => {
    child.on('close', () => done());
  });

/** Kills a process that was started here, by its handle. */
async function killed(workshop: Workshop, args: readonly string[], afterMs: number): Promise<void> {
  const child = start(workshop, args);
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  await end(child);
  clearTimeout(timer);
}

/** The output is what it was or all it should be; the input is as it was; beside them stands a partial file at most. */
function leftFault(
  workshop: Workshop,
  { out }: Job,
  inputs: ReadonlyMap<string, Buffer>,
  { before, after }: { readonly before: Buffer | null; readonly after: Buffer },
): string | null {
  for (const [name, bytes] of workshop.files()) {
    const was = inputs.get(name);
    if (name === out) {
      if (!(before?.equals(bytes) === true || bytes.equals(after)))
        return `${name} is neither what it was nor whole`;
    } else if (was !== undefined) {
      if (!was.equals(bytes)) return `${name} was changed`;
    } else if (name !== `${out}.part`) return `${name} was left behind`;
    else if (out.endsWith('.xpr')) {
      const fault = partialFault(bytes, after);
      if (fault !== null) return fault;
    }
  }
  if (before !== null && !workshop.files().has(out)) return `${out} is gone`;
  return null;
}

/** What a kill leaves behind is the beginning of the recording. */
function partialFault(bytes: Uint8Array, after: Uint8Array): string | null {
  const report = fsckOf(bytes);
  if (report instanceof Error) return `fsck of the partial file: ${report.stack}`;
  const store = new MemoryStore();
  try {
    repair(bytesSource(bytes), store.create('r'));
  } catch (error) {
    // Killed before the header was there.
    if (error instanceof Trouble) return null;
    return `repair of the partial file: ${error instanceof Error ? error.stack : String(error)}`;
  }
  const whole = contentOf(after);
  let at = 0;
  for (const event of TraceReader.open(store.open('r')).readEvents()) {
    if (JSON.stringify(event) !== whole.events[at]) return `event ${at} of the partial file is another`;
    at += 1;
  }
  return null;
}
