// The options of an operator for people: `name=value`, without those that say what holds anyway.
import type { Json, StreamNodeJson } from '@millrace/proto';

/** Options that are not shown when they have this value: it is what they have when nothing is said. */
const UNSAID: Readonly<Record<string, Json>> = {
  onMalformed: 'dead-letter',
  ifExists: 'fail',
  maxFileBytes: 128 * 1024 * 1024,
  splitBytes: 32 * 1024 * 1024,
  delimiter: ',',
  int64: 'number',
  dates: 'ms',
  timeDomain: 'event',
  boundedness: 'bounded',
  strategy: 'slices',
};
/** Groups whose members are clear without the name of the group. */
const UNNAMED_GROUPS: ReadonlySet<string> = new Set(['connector', 'assigner']);
const LINE_LENGTH_MAX = 110;

/** Returns lines for the operators that have options worth telling: id and name, then the options. */
export function operatorOptionLines(nodes: readonly StreamNodeJson[]): readonly string[] {
  return nodes.flatMap((node) => {
    const options = optionsOf(node);
    return options.length === 0
      ? []
      : [`${node.id}  ${node.name}`, ...wrapped(options).map((line) => `     ${line}`)];
  });
}

function optionsOf(node: StreamNodeJson): readonly string[] {
  const options: string[] = [];
  const add = (prefix: string, group: { readonly [name: string]: Json }): void => {
    for (const [name, value] of Object.entries(group)) {
      if (isGroup(value)) add(UNNAMED_GROUPS.has(name) ? prefix : `${prefix}${name}.`, value);
      else if (isSaid(name, value, group, node)) options.push(`${prefix}${name}=${shown(value)}`);
    }
  };
  add('', node.options);
  return options;
}

function isSaid(
  name: string,
  value: Json,
  group: { readonly [name: string]: Json },
  node: StreamNodeJson,
): boolean {
  if (value === null || value === false || value === 0 || value === UNSAID[name]) return false;
  // The name has it, or what a tumbling window slides by is its length.
  return value !== node.name && !(name === 'slideMs' && value === group['sizeMs']);
}

function shown(value: Json): string {
  return typeof value === 'string' && !/[\s"]/.test(value) ? value : JSON.stringify(value);
}

function isGroup(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrapped(words: readonly string[]): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + 2 + word.length > LINE_LENGTH_MAX) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line}  ${word}`;
  }
  return [...lines, line];
}
