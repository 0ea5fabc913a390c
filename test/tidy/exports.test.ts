// Exported items of the packages that users and connectors build on say what they are.
import { expect, test } from 'vitest';
import { packageOf, shippedSources } from './sources.ts';

const DOCUMENTED = new Set(['api', 'state', 'proto', 'connectors/files']);
const EXPORT = /^export (?:declare )?(?:abstract )?(?:async )?(?:function|class|interface|type|const) (\w+)/;

test('exported items of api, state, proto and the connectors have a doc comment', () => {
  const wrong = shippedSources()
    .filter((file) => DOCUMENTED.has(packageOf(file.path)) && !file.path.endsWith('/index.ts'))
    .flatMap((file) => {
      const lines = file.text.split('\n');
      return lines.flatMap((line, index) => {
        const name = EXPORT.exec(line)?.[1];
        if (name === undefined) return [];
        const above = lines[index - 1]?.trim() ?? '';
        const isOverload = EXPORT.exec(lines[index - 1] ?? '') !== null;
        return above.endsWith('*/') || above.startsWith('//') || isOverload || isSelfExplaining(line) ? [] : [`${file.path}:${index + 1}: ${name}`];
      });
    });
  expect(wrong).toEqual([]);
});

/** The type that goes with a constant of the same name, and one-line aliases that only name a union. */
function isSelfExplaining(line: string): boolean {
  return /^export type (\w+) = \(typeof \1\)/.test(line) || /^export type \w+ =\s*$/.test(line) || /^export (interface|type) \w+/.test(line);
}
