// A job file → an artifact, as the command line makes one.
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { describeStreamGraph, type PlannableJob } from '@millrace/api';
import type { ArtifactManifest, StreamGraphJson, SubmissionContext } from '@millrace/proto';

export interface BundledJob {
  readonly artifact: ArtifactManifest;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly graph: StreamGraphJson;
}

export const SUBMISSION: SubmissionContext = {
  args: ['--name', 'world'],
  params: { name: 'world' },
  environment: { GREETING: 'hello' },
  baseDirectory: tmpdir(),
};

const apiEntry = fileURLToPath(new URL('../../api/src/index.ts', import.meta.url));

/** Bundles `sources` (name → text); `job.ts` is the entry. The graph is planned from the bundle, as a client does. */
export async function bundleJob(sources: {
  readonly [name: string]: string | Uint8Array;
}): Promise<BundledJob> {
  const directory = await mkdtemp(join(tmpdir(), 'bundled-job-'));
  for (const [name, text] of Object.entries(sources)) await writeFile(join(directory, name), text);
  const { outputFiles } = await build({
    entryPoints: { job: join(directory, 'job.ts') },
    outdir: join(directory, 'out'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: 'linked',
    conditions: ['millrace-source'],
    alias: { '@millrace/api': apiEntry },
    loader: { '.wasm': 'file' },
    banner: {
      js: "import { createRequire as __millraceCreateRequire } from 'node:module'; const require = __millraceCreateRequire(import.meta.url);",
    },
    logLevel: 'silent',
  });
  const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
  const entries = [...files].map(([path, bytes]) => ({
    path,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.byteLength,
  }));
  for (const [path, bytes] of files) await writeFile(join(directory, path), bytes);
  const module = (await import(/* @vite-ignore */ pathToFileURL(join(directory, 'job.mjs')).href)) as {
    default: PlannableJob;
  };
  const graph = describeStreamGraph(module.default.plan(SUBMISSION));
  await rm(directory, { recursive: true });
  return {
    artifact: { version: 1, entry: 'job.mjs', files: entries },
    files,
    graph: JSON.parse(JSON.stringify(graph)) as StreamGraphJson,
  };
}
