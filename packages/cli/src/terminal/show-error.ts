// How an error looks to a person: what was wrong, why, the user's own stack frames, and the page that explains the code.
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
  let cause = error.cause;
  for (let depth = 0; cause !== undefined && depth < CAUSES_MAX; depth++) {
    lines.push(`  caused by ${cause.code === 'MR_INTERNAL' ? '' : `${cause.code}: `}${cause.message}`);
    if (error.fault === 'user') lines.push(...userFrames(cause.stack));
    cause = cause.cause;
  }
  if (error.fault === 'user' && error.cause === undefined) lines.push(...userFrames(error.stack));
  lines.push(`  see docs/errors/${error.code}.md`);
  return lines;
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

/** `at <anonymous> (/home/me/job.ts:5:24)` and `at async /home/me/job.ts:5:24` both have the path and the place. */
function locationOf(line: string): string {
  const inParentheses = /\((.*)\)\s*$/.exec(line)?.[1];
  const location = inParentheses ?? line.replace(/^\s+at (async )?/, '');
  return location.startsWith('file://') ? location.slice('file://'.length) : location;
}

function isUserLocation(location: string): boolean {
  return !/^node:|^<anonymous>|^native$|^eval at |[\\/]node_modules[\\/]/.test(location) && !location.startsWith(ENGINE_DIRECTORY);
}
