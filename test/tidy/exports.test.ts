// Exported items of the packages that users and connectors build on say what they are.
import { expect, test } from 'vitest';
import { packageOf, shippedSources } from './sources.ts';

const DOCUMENTED = new Set(['api', 'state', 'proto', 'connectors/files', 'connectors/nexmark']);
const EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|let) (\w+)/;

test('exported items of api, state, proto and the connectors have a doc comment', () => {
  const wrong = shippedSources()
    .filter((file) => DOCUMENTED.has(packageOf(file.path)) && !file.path.endsWith('/index.ts'))
    .flatMap((file) =>
      undocumented(file.text).map(
        ({ name, line }) => `${file.path}:${line}: say what ${name} is or returns, in /** … */ above it`,
      ),
    );
  expect(wrong).toEqual([]);
});

/** One comment serves the overloads of a function, and a constant with the type of the same name. */
function undocumented(text: string): { readonly name: string; readonly line: number }[] {
  const lines = text.split('\n');
  const documented = new Set<string>();
  const missing: { name: string; line: number }[] = [];
  for (const [index, line] of lines.entries()) {
    const name = EXPORT.exec(line)?.[1];
    if (name === undefined) continue;
    if (lines[index - 1]?.trimEnd().endsWith('*/') === true) documented.add(name);
    else if (!documented.has(name)) missing.push({ name, line: index + 1 });
  }
  return missing;
}
