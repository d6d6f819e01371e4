import { exportNames } from '../exporters/registry.js';
import type { Verb } from './verb.js';

const json = ['--json', 'one JSON document'] as const;
const policy = ['--policy <axis=value>', 'choose a design; may be repeated', 'list'] as const;
const where = ['--where <expression>', 'only events the expression holds for'] as const;
const release = ['--switch <name=value>', 'choose a release or behaviour; may be repeated', 'list'] as const;

const force = ['--force', 'replace a file of another kind'] as const;

const bisect = [
  '--bisect',
  'exit codes for git bisect run: 0 good, 1 bad, 125 cannot judge, 128 broken set-up',
] as const;
const at = ['--at <position>', 'last unless given'] as const;
const comparison = '0 the same, 1 different, 2 trouble.';

/** Every verb, in the order of the help. */
export const verbs: readonly Verb[] = [
  {
    usage: 'demo',
    summary: 'the two-bridges bug end to end',
    options: [['--out <dir>', 'keep the traces there'], force, json],
    example: 'xpr demo --out demo-out',
    load: () => import('./verbs/demo.js'),
  },
  {
    usage: 'scenarios [name]',
    summary: 'list the built-in scenarios, or tell about one',
    options: [json],
    example: 'xpr scenarios',
    load: () => import('./verbs/scenarios.js'),
  },
  {
    usage: 'record [scenario]',
    summary: 'run a scenario and record it',
    options: [
      ['-o, --output <file>', 'the trace to write; - for standard output'],
      ['--dtb <file>', 'platform from a device tree'],
      ['--seed <n>', 'seed of the scheduler, 1 unless given'],
      policy,
      release,
      ['--fail-on-finding', 'exit 1 when a rule finds something'],
      force,
      json,
    ],
    example: 'xpr record two-bridges-swapped -o swapped.xpr --seed 7',
    exits: '0 recorded, 1 with findings and --fail-on-finding, 2 trouble.',
    load: () => import('./verbs/record.js'),
  },
  {
    usage: 'import <files...>',
    summary: 'turn artefacts into one trace',
    options: [
      ['-o, --output <file>', 'the trace to write; - for standard output'],
      ['--format <name>', 'as lspci or xentrace; detected unless given'],
      force,
      json,
    ],
    example: 'xpr import board.dtb -o board.xpr',
    load: () => import('./verbs/import.js'),
  },
  {
    usage: 'diagnose <report...>',
    summary: 'from the logs, listings and mails of a report to a verdict',
    options: [['-o, --output <file>', 'keep what the report holds as a trace'], force, json],
    example: 'xpr diagnose mail.txt dmesg.log',
    exits: '0 nothing wrong found, 1 a verdict, 2 trouble, 3 nothing could be judged.',
    load: () => import('./verbs/diagnose.js'),
  },
  {
    usage: 'symptoms <message>',
    summary: 'what a pasted message means, and where it is shown',
    options: [json],
    example: "xpr symptoms 'xen map irq failed -28 for 1 domain'",
    exits: '0 found, 1 unknown, 2 trouble.',
    load: () => import('./verbs/symptoms.js'),
  },
  {
    usage: 'info <trace>',
    summary: 'header, platform, counts, digest',
    options: [json],
    example: 'xpr info swapped.xpr',
    load: () => import('./verbs/info.js'),
  },
  {
    usage: 'show <trace> [position]',
    summary: 'events, one line each',
    options: [where, ['--json', 'one JSON object a line']],
    example: "xpr show swapped.xpr 0..20 --where 'kind == hypercall.issued'",
    load: () => import('./verbs/show.js'),
  },
  {
    usage: 'devices <trace>',
    summary: 'who is there: names, owner, driver, accesses, findings',
    options: [at, json],
    example: 'xpr devices swapped.xpr --at 18',
    load: () => import('./verbs/devices.js'),
  },
  {
    usage: 'domains <trace>',
    summary: 'who acts: domains, what they have and do',
    options: [at, json],
    example: 'xpr domains swapped.xpr',
    load: () => import('./verbs/domains.js'),
  },
  {
    usage: 'lspci <trace>',
    summary: 'the machine as lspci lists it',
    options: [
      at,
      ['--names <whose>', 'dom0 or xen; dom0 unless given'],
      ['-x', 'bytes too: -x 64 of them, -xxx 256, -xxxx 4096, as lspci has it', 'count'],
      json,
    ],
    example: 'xpr lspci swapped.xpr --at 18 -xxx',
    load: () => import('./verbs/lspci.js'),
  },
  {
    usage: 'explain <trace> <position>',
    summary: 'one event: meaning, causes, consequences, state',
    options: [json],
    example: 'xpr explain swapped.xpr SEG-001#1',
    load: () => import('./verbs/explain.js'),
  },
  {
    usage: 'state <trace>',
    summary: 'state at a position, or what changed between two',
    options: [
      at,
      ['--path <path>', 'a part, as xen.bridges'],
      ['--diff <position>', 'what changed since then'],
      json,
    ],
    example: 'xpr state swapped.xpr --at 18 --path xen.devices',
    exits: '0, or with --diff 0 nothing changed, 1 something did; 2 trouble.',
    load: () => import('./verbs/state.js'),
  },
  {
    usage: 'replay <trace>',
    summary: 're-run the inputs and compare every outcome',
    options: [policy, release, ['--all', 'every divergence, not the first only'], bisect, json],
    example: 'xpr replay swapped.xpr',
    exits: '0 every outcome the same, 1 a divergence, 2 trouble.',
    load: () => import('./verbs/replay.js'),
  },
  {
    usage: 'findings <trace>',
    summary: 'rules over the whole trace',
    options: [['--rule <code>', 'a rule or a family, as SEG; may be repeated', 'list'], bisect, json],
    example: 'xpr findings swapped.xpr --rule SEG',
    exits: '0 none, 1 some, 2 trouble.',
    load: () => import('./verbs/findings.js'),
  },
  {
    usage: 'what-if <trace>',
    summary: 'the same inputs under other designs',
    options: [
      policy,
      release,
      [
        '--variant <choices>',
        'one variant of several choices, as "iommu=on xen=4.21"; may be repeated',
        'list',
      ],
      [
        '--releases',
        'every modelled release of Xen, Linux and QEMU: where answers change, and by which commit',
      ],
      ['-o, --output <file>', 'keep the trace of the one variant; - for standard output'],
      force,
      bisect,
      json,
    ],
    example: 'xpr what-if swapped.xpr --policy segments.xen=told-by-dom0',
    exits: '0 no outcome changes, 1 some do, 2 trouble.',
    load: () => import('./verbs/what-if.js'),
  },
  {
    usage: 'diff <a> <b>',
    summary: 'what differs between two traces, by meaning',
    options: [
      ['--level <level>', 'raw, semantic, guest or hardware; semantic unless given'],
      ['--ignore <field>', 'a payload field that does not count; may be repeated', 'list'],
      where,
      bisect,
      json,
    ],
    example: 'xpr diff swapped.xpr told.xpr',
    exits: comparison,
    load: () => import('./verbs/diff.js'),
  },
  {
    usage: 'check <paths...>',
    summary: 'replay a corpus: traces and folders of traces',
    options: [
      ['--jobs <n>', 'threads; by the size of the corpus unless given'],
      ['--where <expression>', 'only outcomes of events the expression holds for'],
      ['--junit <file>', 'write a JUnit XML report'],
      ['--sarif <file>', 'write a SARIF 2.1.0 report'],
      ['--tap', 'TAP 14 in place of the text'],
      force,
      bisect,
      json,
    ],
    example: 'xpr check traces/golden --jobs 4 --junit check.xml',
    exits: '0 all the same, 1 some different, 2 some in trouble.',
    load: () => import('./verbs/check.js'),
  },
  {
    usage: 'export <trace>',
    summary: 'write a trace in another format',
    options: [
      ['--to <format>', exportNames.join(', ')],
      ['-o, --output <file>', 'the file to write; - for standard output'],
      force,
      json,
    ],
    example: 'xpr export swapped.xpr --to ndjson -o swapped.ndjson',
    load: () => import('./verbs/export.js'),
  },
  {
    usage: 'fsck <trace>',
    summary: 'check every block, checksum and digest',
    options: [['--repair <out>', 'write what can be recovered; - for standard output'], force, json],
    example: 'xpr fsck torn.xpr --repair whole.xpr',
    exits: '0 whole, 1 damaged, 2 trouble.',
    load: () => import('./verbs/fsck.js'),
  },
  {
    usage: 'events',
    summary: 'the event catalogue',
    options: [json],
    example: 'xpr events --json',
    load: () => import('./verbs/events.js'),
  },
  {
    usage: 'policies [name]',
    summary: 'policy axes and version switches, or one of them',
    options: [json],
    example: 'xpr policies',
    load: () => import('./verbs/policies.js'),
  },
  {
    usage: 'rules [code]',
    summary: 'the rules behind findings, or one of them or a family',
    options: [json],
    example: 'xpr rules SEG-001',
    load: () => import('./verbs/rules.js'),
  },
  {
    usage: 'completion <shell> [words...]',
    summary: 'the script that completes commands in bash, zsh or fish',
    options: [],
    example: 'source <(xpr completion bash)',
    load: async () => (await import('./verbs/completion.js')).completionOf(verbs),
  },
];
