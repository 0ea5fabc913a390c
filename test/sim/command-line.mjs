// Command lines of the simulator: what is wrong with one is said in a line, and the process ends with code 2.
import { parseArgs } from 'node:util';

const EXIT_USAGE = 2;

/**
 * @typedef {{ readonly default: number, readonly min: number, readonly max: number, readonly isWhole?: boolean }} NumberOption
 * @typedef {{ readonly default?: string } | { readonly isFlag: true } | NumberOption} CommandOption
 */

/** Ends the process. @type {(problem: string, usage: string) => never} */
export function refuse(problem, usage) {
  process.stderr.write(`${problem}\nusage: ${usage}\n`);
  process.exit(EXIT_USAGE);
}

/**
 * Returns the values of `options` on the command line of this process. Ends it when there is anything else on it.
 * @type {(usage: string, options: { readonly [name: string]: CommandOption }) => { readonly [name: string]: any }}
 */
export function readCommandLine(usage, options) {
  const specs = Object.entries(options).map(([name, option]) => [
    name,
    'isFlag' in option ? { type: 'boolean', default: false } : { type: 'string' },
  ]);
  // pnpm hands over the "--" that others want before a script's options.
  const args = process.argv[2] === '--' ? process.argv.slice(3) : process.argv.slice(2);
  let given;
  try {
    given = parseArgs({ args, options: Object.fromEntries(specs) }).values;
  } catch (error) {
    // Node explains in further sentences how to escape what nobody wanted.
    refuse(/^[^.]+/u.exec(error.message)?.[0] ?? error.message, usage);
  }
  const values = Object.entries(options).map(([name, option]) => {
    const text = given[name];
    if (text === undefined || 'isFlag' in option) return [name, text ?? option.default];
    if (!('min' in option)) return [name, text];
    const number = text.trim() === '' ? NaN : Number(text);
    const { min, max, isWhole = true } = option;
    if (number >= min && number <= max && (!isWhole || Number.isInteger(number))) return [name, number];
    refuse(
      `Option '--${name}' takes a ${isWhole ? 'whole ' : ''}number from ${min} to ${max}, not '${text}'`,
      usage,
    );
  });
  return Object.fromEntries(values);
}
