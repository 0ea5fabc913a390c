// From what the user wrote (file, directory, glob, or several) to the files that are read, through the file port.
import { isAbsolute, resolve } from 'node:path';
import { MillraceError, type ConnectorContext, type FilePort } from '@millrace/api';
import { fixedPrefix, globMatcher, isGlob } from './glob.ts';

/** A file, a directory (its files, not those of its subdirectories), a glob, or several of these. */
export type PathOption = string | readonly string[];

/** A file to be read, as it was when the paths were expanded. */
export interface InputFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
}

/** Bounds of one source. */
const FILES_MAX = 100_000;
const DEPTH_MAX = 32;

/**
 * Returns the files that `path` names, in the order given; those of a directory or a glob in the order of their names,
 * each file once. Files whose names start with `.` or `_` are nobody's output yet and are left out of directories.
 * @throws {MillraceError} MR_SOURCE_NOT_FOUND when a path or a glob names nothing
 */
export async function expandPaths(
  path: PathOption,
  context: ConnectorContext,
): Promise<readonly InputFile[]> {
  const found = new Map<string, InputFile>();
  for (const one of typeof path === 'string' ? [path] : path) {
    const absolute = absolutePath(one, context.baseDirectory);
    for (const file of await expandOne(one, absolute, context.files)) found.set(file.path, file);
  }
  return [...found.values()];
}

/** The absolute form of a path of the user's, against the directory where the job was submitted. */
export function absolutePath(path: string, baseDirectory: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(baseDirectory, path);
}

async function expandOne(given: string, absolute: string, files: FilePort): Promise<readonly InputFile[]> {
  const stat = await files.stat(absolute);
  if (stat?.isDirectory === true) return await filesOfDirectory(given, absolute, files);
  if (stat !== undefined) return [{ path: absolute, bytes: stat.bytes }];
  if (!isGlob(given)) {
    throw notFound(
      `Cannot find the input "${absolute}": no such file or directory; check the path, which is relative to the directory where the job was submitted`,
      given,
      absolute,
    );
  }
  const matched: InputFile[] = [];
  const root = fixedPrefix(absolute);
  if ((await files.stat(root))?.isDirectory === true) {
    await walk(files, root, { matches: globMatcher(absolute), matched, depth: 0 });
  }
  if (matched.length === 0) {
    throw notFound(
      `Cannot find any input for the glob "${absolute}": it matches no file; check the pattern, which is relative to the directory where the job was submitted`,
      given,
      absolute,
    );
  }
  return matched;
}

async function filesOfDirectory(
  given: string,
  directory: string,
  files: FilePort,
): Promise<readonly InputFile[]> {
  const inputs: InputFile[] = [];
  for (const name of await files.list(directory)) {
    if (name.startsWith('.') || name.startsWith('_')) continue;
    const path = join(directory, name);
    const stat = await files.stat(path);
    if (stat !== undefined && !stat.isDirectory) inputs.push({ path, bytes: stat.bytes });
  }
  if (inputs.length === 0) {
    throw notFound(
      `Cannot find any input in the directory "${directory}": it has no files; name another one, or use a glob such as "${given.replace(/\/$/u, '')}/**" for files in its subdirectories`,
      given,
      directory,
    );
  }
  checkCount(inputs.length, directory);
  return inputs;
}

interface Walk {
  readonly matches: (path: string) => boolean;
  readonly matched: InputFile[];
  readonly depth: number;
}

async function walk(files: FilePort, directory: string, state: Walk): Promise<void> {
  for (const name of await files.list(directory)) {
    const path = join(directory, name);
    const stat = await files.stat(path);
    if (stat === undefined) continue;
    if (!stat.isDirectory) {
      if (state.matches(path)) state.matched.push({ path, bytes: stat.bytes });
      checkCount(state.matched.length, directory);
    } else if (state.depth < DEPTH_MAX) {
      await walk(files, path, { ...state, depth: state.depth + 1 });
    }
  }
}

function join(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

function checkCount(count: number, directory: string): void {
  if (count <= FILES_MAX) return;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot read "${directory}": it has more than ${FILES_MAX} files; name fewer of them`,
    {
      details: { directory, filesMax: FILES_MAX },
    },
  );
}

function notFound(message: string, path: string, absolute: string): MillraceError {
  return new MillraceError('MR_SOURCE_NOT_FOUND', message, { details: { path, absolutePath: absolute } });
}
