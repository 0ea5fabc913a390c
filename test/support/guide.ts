// A guide that can be followed by a machine: the code blocks of a Markdown file, and what they should print.

/** A fenced block. ```` ```sh in=checkout ```` has language `sh` and attribute `in`. */
export interface CodeBlock {
  readonly language: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** What a `<!-- context … -->` directly above declares for a fragment; `''` when there is none. */
  readonly context: string;
  readonly text: string;
  /** 1-based line of the opening fence. */
  readonly line: number;
}

const BLOCK = /(?:^<!-- context\n(?<context>[^]*?)-->\n\n?)?^```(?<info>[^\n]*)\n(?<text>[^]*?)^```$/gm;

/** The fenced blocks of `markdown`, in order. */
export function codeBlocks(markdown: string): readonly CodeBlock[] {
  return [...markdown.matchAll(BLOCK)].map((match) => {
    const { context = '', info = '', text = '' } = match.groups ?? {};
    const [language = '', ...pairs] = info.trim().split(/\s+/);
    const fence = match.index + match[0].indexOf('```');
    return {
      language,
      attributes: Object.fromEntries(pairs.map((pair) => pair.split('=', 2) as [string, string])),
      context,
      text,
      line: markdown.slice(0, fence).split('\n').length,
    };
  });
}

/** The first line of `expected` that `printed` has not, in this order. `…` is anything; blank lines are nothing. */
export function missingLine(expected: string, printed: string): string | undefined {
  const lines = printed.split('\n');
  let from = 0;
  for (const wanted of expected.split('\n')) {
    if (wanted.trim() === '') continue;
    const at = lines.findIndex((line, index) => index >= from && matches(wanted, line));
    if (at === -1) return wanted;
    from = at + 1;
  }
  return undefined;
}

function matches(wanted: string, line: string): boolean {
  const parts = wanted
    .trim()
    .split(/\s*…\s*/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(line.trim());
}
