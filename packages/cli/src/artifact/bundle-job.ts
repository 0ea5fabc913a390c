// Job file → artifact: one ES module with everything that it imports, its source map, and assets such as WebAssembly.
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Loader, type Message, type OutputFile, type Plugin } from 'esbuild';
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

/** A module that uses the banner's names, so that a program's own `__dirname` or `require` gets another one. */
const BANNER_NAMES = 'millrace:banner-names';

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
    // The map names the files; their text would be parsed by every thread that loads the job.
    sourcesContent: false,
    keepNames: true,
    banner: { js: BANNER },
    loader: { '.wasm': 'file' },
    assetNames: '[name]-[hash]',
    logLevel: 'silent',
    inject: [BANNER_NAMES],
    plugins: [reserveBannerNames(), refuseNativeAddons(), wasmAssets()],
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

/** esbuild does not read the banner: it keeps clear of the names there only if it sees them used as globals. */
function reserveBannerNames(): Plugin {
  const namespace = 'millrace';
  return {
    name: 'millrace-banner-names',
    setup(pluginBuild) {
      pluginBuild.onResolve({ filter: /^millrace:banner-names$/ }, ({ path }) => ({ path, namespace }));
      pluginBuild.onLoad({ filter: /.*/, namespace }, () => ({
        contents: 'void [typeof require, typeof __filename, typeof __dirname];',
      }));
    },
  };
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
      // The main file of a package for one platform.
      pluginBuild.onLoad({ filter: /\.node$/ }, ({ path }) => ({
        errors: [
          {
            text: `native add-on "${basename(path)}"`,
            detail: 'native-add-on',
            notes: [{ text: dirname(path) }],
          },
        ],
      }));
    },
  };
}

/** How a module names a WebAssembly file beside it: by its URL, or as wasm-bindgen does, by its directory. */
const WASM_BY_URL = /new URL\(\s*(['"])([^'"]+\.wasm)\1\s*,\s*import\.meta\.url\s*\)/g;
const WASM_BY_JOIN = /\.join\(\s*__dirname\s*,\s*(['"])([^'"]+\.wasm)\1\s*\)/g;
const WASM_BY_TEMPLATE = /(`)\$\{__dirname\}\/([^`$]+\.wasm)`/g;

/** The WebAssembly files that a module names become assets beside the bundle. */
function wasmAssets(): Plugin {
  return {
    name: 'millrace-wasm-assets',
    setup(pluginBuild) {
      pluginBuild.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: 'file' }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        if (!source.includes('.wasm')) return undefined;
        const imports: string[] = [];
        const contents = source
          .replace(WASM_BY_URL, (_match, _quote: string, asset: string) => {
            const name = `__millraceAsset${imports.length}`;
            imports.push(`import ${name} from ${JSON.stringify(besideOf(asset))};`);
            return `new URL(${name}, import.meta.url)`;
          })
          .replace(
            WASM_BY_JOIN,
            (_match, _quote: string, asset: string) => `.join(__dirname, ${requireOf(asset)})`,
          )
          .replace(
            WASM_BY_TEMPLATE,
            (_match, _quote: string, asset: string) => `(__dirname + '/' + ${requireOf(asset)})`,
          );
        return contents === source
          ? undefined
          : { contents: [contents, ...imports].join('\n'), loader: loaderOf(path) };
      });
    },
  };
}

function besideOf(asset: string): string {
  return asset.startsWith('.') || isAbsolute(asset) ? asset : `./${asset}`;
}

/** Only CommonJS has `__dirname`; there an asset is required. */
function requireOf(asset: string): string {
  return `require(${JSON.stringify(besideOf(asset))})`;
}

function loaderOf(path: string): Loader {
  const isTypeScript = /\.[cm]?tsx?$/.test(path);
  if (path.endsWith('x')) return isTypeScript ? 'tsx' : 'jsx';
  return isTypeScript ? 'ts' : 'js';
}

/** What esbuild says of an import that is no path; the package's name. */
const MISSING_PACKAGE = /^Could not resolve "((?:@[^"/]+\/)?[^"./@][^"/]*)/;

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
  return new MillraceError('MR_COMPILE', `Cannot compile "${file}": ${text}${installing(messages)}`, {
    details: { file, errorCount: messages.length },
  });
}

/** What to type for packages that are not there. */
function installing(messages: readonly Message[]): string {
  const names = messages.flatMap(({ text }) => MISSING_PACKAGE.exec(text)?.slice(1) ?? []);
  return names.length === 0
    ? ''
    : `. Install what is missing beside it: npm install ${[...new Set(names)].join(' ')}`;
}

function describeMessage(message: Message): string {
  const at = message.location;
  return at === null ? message.text : `${at.file}:${at.line}:${at.column + 1}: ${message.text}`;
}
