// `npm run bench`: builds what is missing, bundles a benchmark's entry and runs it in this process.
//
//   node scripts/bench.mjs [micro] [name…] [--only name,…] [--json]   ratios of parts of the engine: test/bench/main.ts
//   node scripts/bench.mjs guards [--strict] [--short] [--json]       the ratios that must be kept, and whether they are
//   node scripts/bench.mjs bare [--rows chain] [--json]               the engine beside bare loops: test/bench/bare/main.ts
//   node scripts/bench.mjs peers [arguments]                          whole jobs against Flink: test/bench/peers/main.ts
//   node scripts/bench.mjs nexmark [--queries q0,q5] [--latency] …     Nexmark's queries: test/bench/nexmark/main.ts
//   node scripts/bench.mjs soak [arguments]                           `npm run soak`: minutes under load: test/soak/main.ts
//   node scripts/bench.mjs recovery [--rounds n] [--megabytes n] [--json]   output after kill -9: test/bench/recovery/main.ts
//   node scripts/bench.mjs rescale [--rounds n] [--megabytes n] [--rate n] [--json]   output while the parallelism changes: test/bench/rescale/main.ts
//   node scripts/bench.mjs scale [--part slots,processes,keys,subtasks,steady] [--json]   how it grows: test/bench/scale/main.ts
//   node scripts/bench.mjs goals [--part a,b] --json > results.jsonl   everything that docs/performance.md shows: test/bench/goals/main.ts
//
// With any of them `--profile [cpu|heap] [--profile-directory d]`: profiles of all processes and threads, and where their time went.
// The packages are not bundled: they are resolved from their `dist`, as a user's program would have them.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { profileOptions, runProfiled } from './bench-profile.mjs';

// What is measured there is the memory of processes as they are started by default.
const isOfMemory = process.argv.some((argument) => ['soak', 'steady'].includes(argument));
const hasTunable = process.env.GLIBC_TUNABLES?.includes('glibc.malloc.hugetlb') === true;
if (process.platform === 'linux' && !isOfMemory && !hasTunable) {
  // As the peers have their JVM: what is large is in huge pages. Read when a process starts, and inherited by those of a cluster.
  const tunables = [process.env.GLIBC_TUNABLES, 'glibc.malloc.hugetlb=1'].filter(Boolean).join(':');
  const { status, signal } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, GLIBC_TUNABLES: tunables },
  });
  if (signal !== null) process.kill(process.pid, signal);
  process.exit(status ?? 1);
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
// npm takes the `--` before the arguments, pnpm hands it on.
const argv = process.argv.slice(process.argv[2] === '--' ? 3 : 2);
if (argv.includes('--help') || argv.includes('-h')) {
  const lines = readFileSync(fileURLToPath(import.meta.url), 'utf8').split('\n');
  const usage = lines.filter((line) => line.startsWith('//   node scripts/bench.mjs'));
  process.stdout.write(
    `${usage.map((line) => line.slice(5).replace('node scripts/bench.mjs', 'npm run bench --')).join('\n')}\nOptions: docs/internals/benchmarks.md\n`,
  );
  process.exit(0);
}
const [first, ...others] = argv;
const ENTRIES = {
  micro: { micro: 'test/bench/main.ts', 'exchange-peer': 'test/bench/exchange-peer.ts' },
  guards: { guards: 'test/bench/guards.ts', 'exchange-peer': 'test/bench/exchange-peer.ts' },
  bare: { bare: 'test/bench/bare/main.ts', 'exchange-peer': 'test/bench/exchange-peer.ts' },
  peers: { peers: 'test/bench/peers/main.ts' },
  nexmark: { nexmark: 'test/bench/nexmark/main.ts' },
  soak: { soak: 'test/soak/main.ts' },
  recovery: { recovery: 'test/bench/recovery/main.ts' },
  rescale: { rescale: 'test/bench/rescale/main.ts' },
  scale: { scale: 'test/bench/scale/main.ts' },
  goals: { goals: 'test/bench/goals/main.ts', 'exchange-peer': 'test/bench/exchange-peer.ts' },
};
const name = Object.hasOwn(ENTRIES, first ?? '') ? first : 'micro';
const rest = name === first ? others : argv;

const built = spawnSync(process.execPath, ['scripts/millrace-dev.mjs', 'build'], {
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (built.status !== 0) process.exit(1);
const profile = profileOptions(argv);
if (profile?.error !== undefined) {
  process.stderr.write(`bench: ${profile.error}\n`);
  process.exit(2);
}
if (profile !== undefined) process.exit(runProfiled(profile));

// Inside the folder of the package `test`, whose dependencies these are.
const directory = join(root, 'test', 'node_modules', '.cache', 'bench');
const { build } = createRequire(join(root, 'test', 'package.json'))('esbuild');
await build({
  entryPoints: ENTRIES[name],
  outdir: directory,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'inline',
  logLevel: 'warning',
});
const { main } = await import(pathToFileURL(join(directory, `${name}.mjs`)).href);
process.exitCode = await main(rest).catch(refuse);

/** Arguments that mean nothing are answered in a line; what else goes wrong shows where. */
function refuse(error) {
  const code = String(error?.code);
  if (!['MR_USAGE', 'MR_OPTION_INVALID'].includes(code) && !code.startsWith('ERR_PARSE_ARGS')) throw error;
  // `npm run bench nexmark --runs 1`: npm keeps what begins with dashes, and of that only the values come here.
  const isKept =
    process.env.npm_command?.startsWith('run') && code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL';
  const hint = isKept ? '; options go behind `--`: npm run bench -- …' : '';
  process.stderr.write(
    `bench ${name}: ${error.message.split(/\n|\. To specify|\. This command/, 1)[0]}${hint} (see docs/internals/benchmarks.md)\n`,
  );
  return 2;
}
