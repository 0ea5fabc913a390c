// `bench … --profile`: runs a benchmark again in a process of its own in which every thread is profiled, also those of all processes
// that it starts, and says where their time, or with `--profile heap` their memory, went.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const FUNCTIONS_SHOWN = 25;
/** Threads with less of the whole are left out. */
const SHARE_SHOWN_MIN = 0.02;
const IDLE = ['(idle)', '(root)'];
const COLLECTOR = '(garbage collector)';

/**
 * Takes `--profile [cpu|heap]` and `--profile-directory d` out of `argv`; returns undefined when the first is not there, and
 * `{ error }` when they mean nothing.
 */
export function profileOptions(given) {
  const argv = given.flatMap((argument) =>
    /^--profile(-directory)?=/.test(argument) ? argument.split(/=(.*)/s, 2) : [argument],
  );
  const at = argv.indexOf('--profile');
  if (at < 0)
    return argv.includes('--profile-directory')
      ? { error: 'Cannot use --profile-directory without --profile' }
      : undefined;
  const kind = ['cpu', 'heap'].includes(argv[at + 1] ?? '') ? argv[at + 1] : undefined;
  const rest = argv.filter((_, index) => index !== at && !(kind !== undefined && index === at + 1));
  const where = rest.indexOf('--profile-directory');
  if (where >= 0 && (rest[where + 1] ?? '--').startsWith('--'))
    return { error: 'Cannot use --profile-directory without a directory' };
  const stamp = new Date().toISOString().replaceAll(/[-:]|\..*/g, '');
  const directory = resolve(where < 0 ? join('profiles', stamp) : rest[where + 1]);
  if (where >= 0) rest.splice(where, 2);
  return { kind: kind ?? 'cpu', directory, argv: rest };
}

/** Runs `bench.mjs` with `argv` under the profiler, prints the summary to stderr and returns the exit code. */
export function runProfiled({ kind, directory, argv }) {
  mkdirSync(directory, { recursive: true });
  const script = (path) => fileURLToPath(new URL(path, import.meta.url));
  const preload = script('../test/bench/profile/threads.cjs');
  const { status } = spawnSync(process.execPath, [script('bench.mjs'), ...argv], {
    stdio: 'inherit',
    env: {
      ...process.env,
      MILLRACE_SKIP_BUILD: '1',
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --require ${JSON.stringify(preload)}`,
      BENCH_PROFILE_DIRECTORY: directory,
      BENCH_PROFILE_KIND: kind,
    },
  });
  // 2: arguments were refused, and nothing ran.
  if (status !== 2) process.stderr.write(`${summary(directory, kind)}\n`);
  return status ?? 1;
}

/** Where the time or the memory of each thread went, as text. */
function summary(directory, kind) {
  const threads = new Map();
  for (const name of readdirSync(directory)) {
    const match = /^(\d+)-(\d+)-(.*)-\d+\.(cpu|heap)profile$/.exec(name);
    if (match === null || match[4] !== kind) continue;
    const title = `${match[3]}, process ${match[1]}, thread ${match[2]}`;
    const costs = threads.get(title) ?? new Map();
    threads.set(title, costs);
    const profile = JSON.parse(readFileSync(join(directory, name), 'utf8'));
    if (kind === 'heap') addAllocations(costs, profile.head);
    else addTimes(costs, profile);
  }
  const busyOf = (costs) => sum([...costs].filter(([name]) => !IDLE.includes(name)).map(([, cost]) => cost));
  const all = [...threads].map(([title, costs]) => ({ title, costs, busy: busyOf(costs) }));
  const total = sum(all.map(({ busy }) => busy));
  const shown = all.filter(({ busy }) => busy >= total * SHARE_SHOWN_MIN).toSorted((a, b) => b.busy - a.busy);
  return [
    `Profiles are in ${relative(process.cwd(), directory) || '.'} (for the developer tools of a browser). ${kind === 'heap' ? 'Allocated' : 'CPU time'} by thread and function, by itself:`,
    ...shown.map((thread) => describe(thread, kind)),
  ].join('\n');
}

function describe({ title, costs, busy }, kind) {
  const amount = (cost) =>
    kind === 'heap' ? `${(cost / 1e6).toFixed(1)} MB` : `${(cost / 1e6).toFixed(2)} s`;
  const share = (cost) => `${((100 * cost) / busy).toFixed(1).padStart(5)} %`;
  const top = [...costs]
    .filter(([name]) => !IDLE.includes(name))
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, FUNCTIONS_SHOWN);
  const collector = kind === 'heap' ? '' : `, garbage collection ${share(costs.get(COLLECTOR) ?? 0).trim()}`;
  return [
    `\n${title}: ${amount(busy)}${collector}`,
    ...top.map(([name, cost]) => `  ${share(cost)}  ${amount(cost).padStart(9)}  ${name}`),
  ].join('\n');
}

function addTimes(costs, { nodes, samples, timeDeltas }) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  samples.forEach((id, index) => add(costs, names.get(id), timeDeltas[index + 1] ?? 0));
}

function addAllocations(costs, node) {
  add(costs, nameOf(node.callFrame), node.selfSize);
  for (const child of node.children) addAllocations(costs, child);
}

function add(costs, name, cost) {
  costs.set(name, (costs.get(name) ?? 0) + cost);
}

/** What is generated has no file: its script's number tells one from another. */
function nameOf({ functionName, url, lineNumber, scriptId }) {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (name.startsWith('(') && url === '' && lineNumber < 0) return name;
  const file =
    url === ''
      ? lineNumber < 0
        ? 'native'
        : `generated ${scriptId}`
      : url.replace(/^.*\/(?=[^/]*\/[^/]*$)/, '');
  return `${name}  ${file}${lineNumber < 0 ? '' : `:${lineNumber + 1}`}`;
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
