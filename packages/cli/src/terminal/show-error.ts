// How an error looks to a person: what was wrong, why, the user's own stack frames, and the page that explains the code.
import { existsSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { classify, toWireError, type WireError } from '@millrace/common';

const USER_FRAMES_MAX = 6;
const CAUSES_MAX = 4;

/** Returns the lines that tell a user of an error. Frames of the engine and of Node are left out. */
export function describeError(error: unknown): string[] {
  return describeWireError(toWireError(classify(error)));
}

/** Like {@link describeError}, for an error that came over a socket. */
export function describeWireError(error: WireError): string[] {
  const lines = [`${error.code}: ${error.message}`];
  let said = error.message;
  let cause = error.cause;
  for (let depth = 0; cause !== undefined && depth < CAUSES_MAX; depth++) {
    // Most messages end with why: then only the place is new.
    if (!said.includes(cause.message))
      lines.push(`  caused by ${cause.code === 'MR_INTERNAL' ? '' : `${cause.code}: `}${cause.message}`);
    lines.push(...userFrames(cause.stack));
    said = cause.message;
    cause = cause.cause;
  }
  if (error.fault === 'user' && error.cause === undefined) lines.push(...userFrames(error.stack));
  const page = errorPage(error.code);
  if (page !== undefined) lines.push(`  see ${page}`);
  return lines;
}

/** In a checkout the pages are among its documents; a packed package has a copy. */
const PAGE_DIRECTORIES = ['../../../../docs/errors/', '../../errors/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** Path of the page about a code, relative where it is below the working directory; undefined when there is none. */
export function errorPage(code: string, workingDirectory = process.cwd()): string | undefined {
  const path = PAGE_DIRECTORIES.map((directory) => join(directory, `${code}.md`)).find((candidate) =>
    existsSync(candidate),
  );
  if (path === undefined) return undefined;
  const fromHere = relative(workingDirectory, path);
  return fromHere.startsWith('..') || isAbsolute(fromHere) ? path : fromHere;
}

/** Where the engine's packages are: the folder around this one. */
const ENGINE_DIRECTORY = fileURLToPath(new URL('../../../', import.meta.url));

/** Frames of the user's own sources: neither Node's, nor a dependency's, nor the engine's. */
function userFrames(stack: string | undefined): string[] {
  if (stack === undefined) return [];
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && isUserLocation(locationOf(line)))
    .slice(0, USER_FRAMES_MAX)
    .map((line) => `    ${line.trim()}`);
}

/** `at <anonymous> (/app/job.ts:5:24)` and `at async /app/job.ts:5:24` both have the path and the place. */
function locationOf(line: string): string {
  const inParentheses = /\((.*)\)\s*$/.exec(line)?.[1];
  const location = inParentheses ?? line.replace(/^\s+at (async )?/, '');
  return location.startsWith('file://') ? location.slice('file://'.length) : location;
}

function isUserLocation(location: string): boolean {
  return (
    /:\d+:\d+$/.test(location) &&
    !/^node:|^<anonymous>|^native$|^eval at |[\\/]node_modules[\\/]/.test(location) &&
    !location.startsWith(ENGINE_DIRECTORY)
  );
}
