// `npm start` and `npm test`: installs and builds what is missing, says so, then does it. Needs nothing but Node and npm.
//
//   node scripts/millrace-dev.mjs start [-- job arguments]   the flight-delays job on a local cluster of processes
//   node scripts/millrace-dev.mjs test [vitest arguments]
//   node scripts/millrace-dev.mjs build
//   node scripts/millrace-dev.mjs pack [directory]   the packages as npm would publish them
//   node scripts/millrace-dev.mjs deploy <directory>   the command with all that it needs to run, for an image
//
// MILLRACE_SKIP_BUILD=1 takes what is built as it is: for tests beside somebody who edits sources, or without them.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const PNPM = 'pnpm@12.21.0';
const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
const [command = 'start', ...rest] = process.argv.slice(2);

const say = (text) => process.stderr.write(`${text}\n`);

function runOrExit(what, executable, args) {
  const { status, error } = spawnSync(executable, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status === 0) return;
  say(`Cannot go on: ${what} failed${error ? ` (${error.message})` : ''}.`);
  process.exit(1);
}

/** Installs when the lockfile is another than that of the last installation. */
function install() {
  const stamp = join('node_modules', '.millrace-installed');
  const wanted = createHash('sha256')
    .update(readFileSync('pnpm-lock.yaml'))
    .update(readFileSync('package.json'))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say(`Installing dependencies (once), with ${PNPM} …`);
  runOrExit('the installation', 'npx', [
    '--yes',
    PNPM,
    'install',
    '--frozen-lockfile',
    '--reporter=append-only',
    '--loglevel=warn',
  ]);
  writeFileSync(stamp, wanted);
}

/** Builds when a source is newer than the last build. */
function build() {
  const stamp = join('node_modules', '.millrace-built');
  const builtMs = existsSync(stamp) ? statSync(stamp).mtimeMs : 0;
  if (process.env.MILLRACE_SKIP_BUILD === '1') return;
  if (existsSync('packages/cli/dist/main.js') && newestMs('packages') <= builtMs) return;
  say('Building …');
  runOrExit('the build', process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-b']);
  for (const entry of ['packages/taskmanager/scripts/bundle-worker.mjs'])
    if (existsSync(entry)) runOrExit('the build', process.execPath, [entry]);
  writeFileSync(stamp, '');
}

function newestMs(directory) {
  let newest = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue;
    const path = join(directory, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestMs(path) : statSync(path).mtimeMs);
  }
  return newest;
}

async function start() {
  const {
    startCluster,
    stopCluster,
    ClusterDirectory,
    prepareJob,
    submitAndAttach,
    withDispatcher,
    describeError,
    exitCodeOf,
  } = await import(pathToFileURL(join(root, 'packages/cli/dist/index.js')).href);
  const directory = new ClusterDirectory(join(root, '.millrace', 'start'));
  const options = { configDir: directory.path, parallelism: 4 };
  try {
    await stopCluster(directory);
    rmSync(directory.path, { recursive: true, force: true }); // Each demonstration is a cluster of its own.
    say('Starting a cluster: a JobManager and two TaskManagers with two slots each …');
    const started = startCluster({
      directory,
      taskManagerCount: 2,
      slotsPerTaskManager: 2,
      port: 0,
      isRestarting: true,
    });
    const prepared = prepareJob('examples/flight-delays/job.ts', rest, options);
    const [jobManager, job] = await Promise.all([started, prepared]);
    say(`JobManager at ${jobManager.address}; submitting examples/flight-delays/job.ts …`);
    process.exitCode = await withDispatcher(options, (client) => submitAndAttach(client, job, options));
  } catch (error) {
    say(describeError(error).join('\n'));
    process.exitCode = exitCodeOf(error);
  } finally {
    await stopCluster(directory);
  }
}

/** Runs vitest and ends in the line `N passed, N failed`. */
function test() {
  const report = join(root, 'node_modules', '.cache', 'vitest-report.json');
  mkdirSync(dirname(report), { recursive: true });
  rmSync(report, { force: true });
  const vitest = join('node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...rest],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  child.once('close', (code) => {
    const results = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
    const passed = results?.numPassedTests ?? 0;
    const brokenFiles = (results?.testResults ?? []).filter(
      (file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed'),
    ).length;
    const failed =
      (results?.numFailedTests ?? 0) +
      brokenFiles +
      (results === undefined || (code !== 0 && (results.numFailedTests ?? 0) + brokenFiles === 0) ? 1 : 0);
    const skipped = results?.numPendingTests ?? 0;
    if (skipped > 0) process.stdout.write(`${skipped} skipped\n`);
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
    process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
  });
}

/** Packs every package into `directory`, as tarballs that `npm install` takes. */
function pack(directory = 'packed') {
  if (isWorkerBundleStale())
    runOrExit('the build', process.execPath, ['packages/taskmanager/scripts/bundle-worker.mjs']);
  const target = resolve(directory);
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(target)) if (/^millrace-.*\.tgz$/.test(name)) rmSync(join(target, name));
  say(`Packing, with ${PNPM} …`);
  // What the command says about an error is a path in its own package.
  const pages = 'packages/cli/errors';
  rmSync(pages, { recursive: true, force: true });
  cpSync('docs/errors', pages, { recursive: true });
  const filters = ['--filter', './packages/**', '--filter', '!@millrace/testing'];
  runOrExit('packing', 'npx', [
    '--yes',
    PNPM,
    '--recursive',
    '--silent',
    ...filters,
    'pack',
    '--pack-destination',
    target,
  ]);
  rmSync(pages, { recursive: true, force: true });
  const packed = readdirSync(target).filter((name) => name.endsWith('.tgz'));
  say(`${packed.length} packages are in ${target}`);
}

/** Puts the command with its dependencies, as the lockfile has them, into a new directory, and leaves out what only developers need. */
function deploy(directory) {
  const target = resolve(directory);
  if (isWorkerBundleStale())
    runOrExit('the build', process.execPath, ['packages/taskmanager/scripts/bundle-worker.mjs']);
  const pages = 'packages/cli/errors';
  cpSync('docs/errors', pages, { recursive: true });
  // As files, not as links to sources that the image does not have.
  const filter = ['--config.inject-workspace-packages=true', '--filter', '@millrace/cli', '--prod'];
  runOrExit('the deployment', 'npx', ['--yes', PNPM, ...filter, 'deploy', target]);
  rmSync(pages, { recursive: true, force: true });
  prune(target);
}

/** Types, sources, maps and documents, and LevelDB for other platforms than this. */
function prune(directory) {
  const isNeedless = (name) => /\.(d\.[cm]?ts|[cm]?ts|map|md|tsbuildinfo)$/.test(name);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    const isForeign =
      basename(directory) === 'prebuilds' && entry.name !== `${process.platform}-${process.arch}`;
    if (isForeign || (entry.isFile() && isNeedless(entry.name))) rmSync(path, { recursive: true });
    else if (entry.isDirectory() && entry.name !== 'errors') prune(path);
  }
}

/** A package that is published has no build records: its bundle counts as fresh, so it must be. */
function isWorkerBundleStale() {
  const bundle = 'packages/taskmanager/dist/worker/worker-main.mjs';
  if (!existsSync(bundle)) return true;
  const bundledMs = statSync(bundle).mtimeMs;
  return readdirSync('packages').some((name) => {
    const record = join('packages', name, 'dist', '.tsbuildinfo');
    return existsSync(record) && statSync(record).mtimeMs > bundledMs;
  });
}

install();
build();
if (command === 'start') await start();
else if (command === 'test') test();
else if (command === 'pack') pack(rest[0]);
else if (command === 'deploy' && rest[0] !== undefined) deploy(rest[0]);
else if (command !== 'build') {
  say(`Unknown command "${command}": start, test, build, pack or deploy <directory>`);
  process.exitCode = 2;
}
