// Job file → artifact: one ES module with everything that it imports, its source map, and assets such as WebAssembly.
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Message, type OutputFile, type Plugin } from 'esbuild';
import { MillraceError } from '@millrace/common';
import type { ArtifactManifest } from '@millrace/proto';

/** A bundled job: the manifest, and each file's bytes by its path. */
export interface Artifact {
  readonly manifest: ArtifactManifest;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

const ENTRY = 'job.mjs';
/** Gives CommonJS dependencies their `require`, and programs their usual file names. */
const BANNER = [
  "import { createRequire as __millraceCreateRequire } from 'node:module';",
  "import { fileURLToPath as __millraceFileURLToPath } from 'node:url';",
  'const require = __millraceCreateRequire(import.meta.url);',
  'const __filename = __millraceFileURLToPath(import.meta.url);',
  "const __dirname = __millraceFileURLToPath(new URL('.', import.meta.url));",
].join('\n');

/**
 * Bundles a job file.
 * @throws {MillraceError} MR_JOB_FILE when there is no such file, MR_COMPILE when it does not compile, MR_NATIVE_ADDON
 * when it imports a native add-on
 */
export async function bundleJob(file: string, workingDirectory = process.cwd()): Promise<Artifact> {
  const path = resolve(workingDirectory, file);
  if (!existsSync(path) || !statSync(path).isFile()) {
    throw new MillraceError('MR_JOB_FILE', `Cannot find the job file "${file}": looked for ${path}`, {
      details: { path },
    });
  }
  const result = await build({
    entryPoints: { job: path },
    absWorkingDir: workingDirectory,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    outdir: join(workingDirectory, '.millrace-artifact'),
    outExtension: { '.js': '.mjs' },
    sourcemap: 'linked',
    sourcesContent: true,
    keepNames: true,
    banner: { js: BANNER },
    loader: { '.wasm': 'file' },
    assetNames: '[name]-[hash]',
    logLevel: 'silent',
    plugins: [refuseNativeAddons(), urlAssets()],
  }).catch((error: unknown) => {
    throw compileError(file, error, workingDirectory);
  });
  return artifactOf(result.outputFiles, join(workingDirectory, '.millrace-artifact'));
}

function artifactOf(outputs: readonly OutputFile[], directory: string): Artifact {
  const files = new Map<string, Uint8Array>();
  for (const output of outputs) {
    const contents = output.path.endsWith('.map') ? withAbsoluteSources(output, directory) : output.contents;
    files.set(relative(directory, output.path).replaceAll('\\', '/'), contents);
  }
  const entries = [...files].map(([path, bytes]) => ({
    path,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.byteLength,
  }));
  return {
    manifest: { version: 1, entry: ENTRY, files: entries.sort((a, b) => (a.path < b.path ? -1 : 1)) },
    files,
  };
}

/** The bundle is run in other directories than the one it was made for: its map names the files where they are. */
function withAbsoluteSources(output: OutputFile, directory: string): Uint8Array {
  const map = JSON.parse(output.text) as { sources: string[] };
  const sources = map.sources.map((source) => {
    const path = resolve(directory, source);
    return existsSync(path) ? pathToFileURL(path).href : source;
  });
  return Buffer.from(JSON.stringify({ ...map, sources }));
}

/** A native add-on cannot travel in a bundle: says so, with the file that wants it. */
function refuseNativeAddons(): Plugin {
  return {
    name: 'millrace-native-add-ons',
    setup(pluginBuild) {
      pluginBuild.onResolve(
        { filter: /(\.node$|^(node-gyp-build|bindings|prebuild-install|@mapbox\/node-pre-gyp)$)/ },
        (args) => ({
          errors: [
            {
              text: `native add-on "${args.path}"`,
              detail: 'native-add-on',
              notes: [{ text: args.importer }],
            },
          ],
        }),
      );
    },
  };
}

/** `new URL('./x.wasm', import.meta.url)`: the file becomes an asset beside the bundle. */
function urlAssets(): Plugin {
  return {
    name: 'millrace-url-assets',
    setup(pluginBuild) {
      pluginBuild.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async (args) => {
        if (args.path.includes('node_modules') && !args.path.endsWith('.mjs') && !args.path.endsWith('.js'))
          return undefined;
        const { readFile } = await import('node:fs/promises');
        const source = await readFile(args.path, 'utf8');
        if (!source.includes('import.meta.url') || !/new URL\(\s*['"][^'"]+\.wasm['"]/.test(source))
          return undefined;
        const imports: string[] = [];
        const contents = source.replace(
          /new URL\(\s*(['"])([^'"]+\.wasm)\1\s*,\s*import\.meta\.url\s*\)/g,
          (_match, _quote: string, asset: string) => {
            const name = `__millraceAsset${imports.length}`;
            imports.push(
              `import ${name} from ${JSON.stringify(asset.startsWith('.') || isAbsolute(asset) ? asset : `./${asset}`)};`,
            );
            return `new URL(${name}, import.meta.url)`;
          },
        );
        return {
          contents: `${contents}\n${imports.join('\n')}`,
          loader: args.path.endsWith('ts') ? 'ts' : 'js',
        };
      });
    },
  };
}

function compileError(file: string, error: unknown, workingDirectory: string): MillraceError {
  const messages = (error as { errors?: readonly Message[] }).errors ?? [];
  const addOn = messages.find((message) => message.detail === 'native-add-on');
  if (addOn !== undefined) {
    const importer = relative(workingDirectory, addOn.notes[0]?.text ?? file);
    return new MillraceError(
      'MR_NATIVE_ADDON',
      `Cannot bundle "${file}": ${importer} needs a ${addOn.text}, which cannot travel in a job's bundle. ` +
        'Use a package without native code, or talk to it over a socket from your job',
      { details: { file, importer } },
    );
  }
  const text = messages.length === 0 ? String(error) : messages.slice(0, 5).map(describeMessage).join('; ');
  return new MillraceError('MR_COMPILE', `Cannot compile "${file}": ${text}`, {
    details: { file, errorCount: messages.length },
  });
}

function describeMessage(message: Message): string {
  const at = message.location;
  return at === null ? message.text : `${at.file}:${at.line}:${at.column + 1}: ${message.text}`;
}
