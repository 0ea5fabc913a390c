// Every option of the command and of its processes: help texts, checks, the environment and docs/operations/configuration.md come
// from this table.
import type { OptionEntry } from './option-entry.ts';

const PORT_MAX = 65_535;
const SLOTS_MAX = 256;

const PROCESSES = ['jobmanager start', 'taskmanager start'] as const;
const PROGRAMS = ['run', 'info', 'check'] as const;
const PLANS = ['run', 'info'] as const;

/** All options, in the order in which help shows them. */
export const OPTIONS: readonly OptionEntry[] = [
  // Of every verb
  {
    name: 'jobmanager',
    short: 'm',
    placeholder: 'host:port',
    type: { kind: 'text' },
    help: "the JobManager's address",
    defaultText: 'the cluster started here, else 127.0.0.1:6123',
  },
  {
    name: 'config-dir',
    placeholder: 'dir',
    type: { kind: 'path' },
    help: 'where the cluster keeps token, logs and state',
    defaultText: '~/.millrace',
  },
  {
    name: 'certs',
    placeholder: 'dir',
    type: { kind: 'path' },
    help: 'certificates made by `certs create`; with them all connections are mutual TLS',
    defaultText: "certs in the cluster's directory, if it is there",
  },
  {
    name: 'token-file',
    placeholder: 'file',
    type: { kind: 'path' },
    help: "the cluster's token",
    defaultText: "token in the cluster's directory, made at the first start",
  },
  { name: 'token', type: { kind: 'secret' }, help: "the cluster's token itself, before any file" },
  { name: 'json', type: { kind: 'switch' }, help: 'print JSON' },
  // cluster start
  {
    name: 'taskmanagers',
    placeholder: 'n',
    type: { kind: 'whole-number', from: 0 },
    default: 1,
    help: 'TaskManager processes',
    verbs: ['cluster start'],
  },
  {
    name: 'slots',
    placeholder: 'n',
    type: { kind: 'whole-number', from: 1, to: SLOTS_MAX },
    default: 2,
    help: 'slots of each TaskManager',
    verbs: ['cluster start'],
  },
  {
    name: 'port',
    placeholder: 'port',
    type: { kind: 'whole-number', from: 0, to: PORT_MAX },
    default: 6123,
    help: "the JobManager's port; 0: any",
    verbs: ['cluster start'],
  },
  {
    name: 'no-restart',
    type: { kind: 'switch' },
    help: 'leave dead processes dead',
    verbs: ['cluster start'],
  },
  {
    name: 'heartbeat-interval',
    placeholder: 'ms',
    type: { kind: 'whole-number', from: 10 },
    default: 1_000,
    help: 'how often a TaskManager says that it is there',
    verbs: ['cluster start', 'jobmanager start'],
  },
  {
    name: 'heartbeat-timeout',
    placeholder: 'ms',
    type: { kind: 'whole-number', from: 100 },
    default: 5_000,
    help: 'silence after which a process is lost to the others',
    verbs: ['cluster start'],
  },
  // Processes
  {
    name: 'slots',
    placeholder: 'n',
    type: { kind: 'whole-number', from: 1, to: SLOTS_MAX },
    default: 1,
    help: 'slots, each a worker thread',
    verbs: ['taskmanager start'],
  },
  {
    name: 'id',
    placeholder: 'id',
    type: { kind: 'text' },
    help: 'its name',
    defaultText: 'taskmanager-<machine>-<pid>',
    verbs: ['taskmanager start'],
  },
  {
    name: 'host',
    placeholder: 'host',
    type: { kind: 'text' },
    default: '127.0.0.1',
    help: 'address to bind',
    verbs: PROCESSES,
  },
  {
    name: 'advertised-host',
    placeholder: 'host',
    type: { kind: 'text' },
    help: 'name or address under which other machines reach it',
    defaultText: 'the address bound; where that is 0.0.0.0 or ::, the name of the machine',
    verbs: PROCESSES,
  },
  {
    name: 'port',
    placeholder: 'port',
    type: { kind: 'whole-number', from: 0, to: PORT_MAX },
    help: 'port to bind; 0: any',
    defaultText: 'that of the cluster started here, else 6123',
    verbs: ['jobmanager start'],
  },
  {
    name: 'checkpoint-dir',
    placeholder: 'dir',
    type: { kind: 'path' },
    help: 'state of the jobs; at the same path on all machines',
    defaultText: "checkpoints in the cluster's directory",
    verbs: ['jobmanager start'],
  },
  {
    name: 'heartbeat-timeout',
    placeholder: 'ms',
    type: { kind: 'whole-number', from: 100 },
    default: 10_000,
    help: 'silence after which a TaskManager is lost',
    verbs: ['jobmanager start'],
  },
  {
    name: 'heartbeat-timeout',
    placeholder: 'ms',
    type: { kind: 'whole-number', from: 100 },
    help: 'silence after which the JobManager, or another TaskManager, is lost',
    defaultText: 'as the JobManager says',
    verbs: ['taskmanager start'],
  },
  {
    name: 'insecure-internal',
    type: { kind: 'switch' },
    help: 'allow another address than loopback without certificates, so without encryption',
    verbs: PROCESSES,
  },
  {
    name: 'log-level',
    placeholder: 'level',
    type: { kind: 'choice', choices: ['error', 'warn', 'info', 'debug'] },
    default: 'info',
    help: 'what is logged',
    verbs: PROCESSES,
  },
  // certs create
  {
    name: 'directory',
    placeholder: 'dir',
    type: { kind: 'path' },
    help: 'where the certificates go',
    defaultText: '--certs',
    verbs: ['certs create'],
  },
  {
    name: 'client-dir',
    placeholder: 'dir',
    type: { kind: 'path' },
    help: 'also a directory with what a client needs, for its --config-dir',
    verbs: ['certs create'],
  },
  {
    name: 'days',
    placeholder: 'n',
    type: { kind: 'whole-number', from: 1, to: 36_500 },
    default: 1_095,
    help: 'how long they are valid',
    verbs: ['certs create'],
  },
  {
    name: 'force',
    type: { kind: 'switch' },
    help: 'make new ones although there are some; every process has to be started again',
    verbs: ['certs create'],
  },
  // Jobs
  { name: 'all', short: 'a', type: { kind: 'switch' }, help: 'ended jobs too', verbs: ['list'] },
  {
    name: 'running',
    short: 'r',
    type: { kind: 'switch' },
    help: 'only jobs in state RUNNING',
    verbs: ['list'],
  },
  // Programs
  {
    name: 'parallelism',
    short: 'p',
    placeholder: 'n',
    type: { kind: 'whole-number', from: 1, word: 'auto' },
    help: 'parallelism of operators that set none; auto: as many as there are slots',
    verbs: [...PROGRAMS, 'rescale'],
  },
  {
    name: 'vertex',
    placeholder: 'name=n',
    type: { kind: 'names' },
    help: 'parallelism of one vertex, by its name or id or by an operator in it; again, or with commas, for more',
    verbs: ['rescale'],
  },
  {
    name: 'env',
    placeholder: 'name',
    type: { kind: 'names' },
    help: 'environment variable that the job gets; again, or with commas, for more',
    verbs: PROGRAMS,
  },
  {
    name: 'checkpoint-interval',
    placeholder: 'duration',
    type: { kind: 'text' },
    help: "from one checkpoint to the next, such as '5 s'",
    defaultText: "the job's",
    verbs: PLANS,
  },
  {
    name: 'checkpoint-mode',
    placeholder: 'mode',
    type: { kind: 'choice', choices: ['exactly-once', 'at-least-once', 'stop-the-world'] },
    help: 'what records wait for while a checkpoint is taken',
    defaultText: "the job's",
    verbs: PLANS,
  },
  {
    name: 'retain-checkpoints',
    type: { kind: 'switch' },
    help: 'keep them when the job is cancelled',
    verbs: PLANS,
  },
  {
    name: 'detached',
    short: 'd',
    type: { kind: 'switch' },
    help: 'return when it is submitted',
    verbs: ['run'],
  },
  {
    name: 'detached',
    short: 'd',
    type: { kind: 'switch' },
    help: 'return when the change is stored, before it is made',
    verbs: ['rescale'],
  },
  {
    name: 'from-savepoint',
    short: 's',
    placeholder: 'path',
    type: { kind: 'path' },
    help: 'start from the state of a savepoint or a checkpoint; also a job, by id or name, or the directory of its checkpoints',
    verbs: ['run'],
  },
  {
    name: 'from-checkpoint',
    placeholder: 'id',
    type: { kind: 'whole-number', from: 1 },
    help: 'with -s and a job: which of its checkpoints',
    defaultText: "the job's newest",
    verbs: ['run'],
  },
  {
    name: 'wait',
    type: { kind: 'switch' },
    help: 'wait for slots instead of being refused',
    verbs: ['run'],
  },
  {
    name: 'embedded',
    type: { kind: 'switch' },
    help: 'in this process, without a cluster',
    verbs: ['run'],
  },
  {
    name: 'threads',
    placeholder: 'n',
    type: { kind: 'whole-number', from: 0 },
    help: 'with 0: embedded, on one thread',
    verbs: ['run'],
  },
  {
    name: 'format',
    placeholder: 'format',
    type: { kind: 'choice', choices: ['text', 'json', 'mermaid'] },
    default: 'text',
    help: 'how the plan is printed',
    verbs: ['info'],
  },
  { name: 'no-types', type: { kind: 'switch' }, help: 'leave the types unchecked', verbs: ['check'] },
];

/** The options of a verb, in order. */
export function optionsOf(verb: string): readonly OptionEntry[] {
  return OPTIONS.filter(({ verbs }) => verbs === undefined || verbs.includes(verb));
}
