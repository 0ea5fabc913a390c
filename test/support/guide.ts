// A guide that can be followed by a machine: the code blocks of a Markdown file, and what they should print.

/** A fenced block. ```` ```sh in=checkout ```` has language `sh` and attribute `in`. */
export interface CodeBlock {
  readonly language: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  /** 1-based line of the opening fence. */
  readonly line: number;
}

/** The fenced blocks of `markdown`, in order. */
export function codeBlocks(markdown: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open:
    | {
        readonly language: string;
        readonly attributes: Record<string, string>;
        readonly line: number;
        readonly lines: string[];
      }
    | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (!line.startsWith('```')) open?.lines.push(line);
    else if (open === undefined) open = { ...parseInfo(line.slice(3)), line: index + 1, lines: [] };
    else {
      blocks.push({
        language: open.language,
        attributes: open.attributes,
        text: `${open.lines.join('\n')}\n`,
        line: open.line,
      });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`The block that begins in line ${open.line} has no end`);
  return blocks;
}

function parseInfo(text: string): { language: string; attributes: Record<string, string> } {
  const [language = '', ...rest] = text.trim().split(/\s+/);
  return {
    language,
    attributes: Object.fromEntries(rest.map((pair) => pair.split('=', 2) as [string, string])),
  };
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
