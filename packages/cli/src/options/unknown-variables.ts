// Environment variables that look like options and are none: misspelt ones would otherwise do nothing, silently.
import { environmentName, OPTIONS } from '@millrace/common';

/** What tests, scripts and images of the project itself read; `*` stands for any end. */
const INTERNAL = [
  'CONTAINER_*',
  'CRASH_POINTS',
  'GID',
  'PEERS',
  'SEED',
  'SIM_*',
  'SKIP_BUILD',
  'SLOW_SINK_SECONDS',
  'TEST_*',
  'UID',
  'WORK',
  'WRITE_FIXTURE',
];
const PREFIX = 'MILLRACE_';

/** Letters that may differ, a share of the name's; a name with less in common with every option is somebody else's. */
const DIFFERENCE_SHARE_MAX = 0.34;

/** True for a variable that an option has, or that the project itself reads. */
export function isKnownVariable(variable: string): boolean {
  if (OPTIONS.some((entry) => environmentName(entry) === variable)) return true;
  const name = variable.slice(PREFIX.length);
  return INTERNAL.some((known) =>
    known.endsWith('*') ? name.startsWith(known.slice(0, -1)) : name === known,
  );
}

/** One line for each variable of `environment` that is nearly that of an option. Others are left alone: a job may have its own. */
export function unknownVariables(environment: NodeJS.ProcessEnv): readonly string[] {
  return Object.keys(environment).flatMap((variable) => {
    if (!variable.startsWith(PREFIX) || isKnownVariable(variable)) return [];
    const nearest = nearestOption(variable);
    return nearest === undefined
      ? []
      : [`${variable} is no option, and does nothing: did you mean ${nearest}?`];
  });
}

function nearestOption(variable: string): string | undefined {
  const name = variable.slice(PREFIX.length);
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(name.length * DIFFERENCE_SHARE_MAX)) + 1;
  for (const entry of OPTIONS) {
    const option = environmentName(entry);
    const difference = editDistance(name, option.slice(PREFIX.length));
    if (difference >= least) continue;
    least = difference;
    nearest = option;
  }
  return nearest;
}

/** Letters to insert, remove, replace or swap with their neighbour. Source: Damerau (1964), in the restricted form. */
function editDistance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_zero, index) => index)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity;
  for (let row = 1; row <= from.length; row++) {
    const distances = [row];
    rows.push(distances);
    for (let column = 1; column <= to.length; column++) {
      const replaced = at(row - 1, column - 1) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const swapped = isSwapped ? at(row - 2, column - 2) + 1 : Infinity;
      distances.push(Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, replaced, swapped));
    }
  }
  return at(from.length, to.length);
}
