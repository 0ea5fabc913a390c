// File name patterns, as shells have them. No file system here: see expand-paths.ts.

/** True when `path` is a pattern rather than a name: it has one of `* ? [ {`. */
export function isGlob(path: string): boolean {
  return /[*?[{]/.test(path);
}

/**
 * Returns a matcher for paths with `/` between parts. `*` and `?` stay within a part, `**` crosses parts, `[a-z]` and
 * `[!a-z]` are sets, `{a,b}` alternatives. A part that starts with a dot is matched only by a pattern part that does.
 */
export function globMatcher(pattern: string): (path: string) => boolean {
  const expressions = expandBraces(pattern).map((one) => new RegExp(`^${expressionOf(one)}$`, 'u'));
  return (path) => expressions.some((expression) => expression.test(path));
}

/** The leading parts of a pattern that are plain names: where a walk starts. */
export function fixedPrefix(pattern: string): string {
  const parts = pattern.split('/');
  const first = parts.findIndex(isGlob);
  return (first === -1 ? parts : parts.slice(0, first)).join('/') || '/';
}

/** Bound: a pattern with nested or repeated braces stands for at most this many. */
const ALTERNATIVES_MAX = 1024;

function expandBraces(pattern: string): string[] {
  const done: string[] = [];
  const open = [pattern];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const match = /\{([^{}]*,[^{}]*)\}/.exec(next);
    if (match === null || done.length + open.length > ALTERNATIVES_MAX) {
      done.push(next);
      continue;
    }
    const before = next.slice(0, match.index);
    const behind = next.slice(match.index + match[0].length);
    for (const alternative of (match[1] ?? '').split(',')) open.push(before + alternative + behind);
  }
  return done;
}

function expressionOf(pattern: string): string {
  const parts = pattern.split('/');
  let expression = '';
  parts.forEach((part, index) => {
    const isLast = index === parts.length - 1;
    if (part === '**') expression += isLast ? '(?:(?!\\.)[^/]+/)*(?!\\.)[^/]+' : '(?:(?!\\.)[^/]+/)*';
    else expression += partExpression(part) + (isLast ? '' : '/');
  });
  return expression;
}

function partExpression(part: string): string {
  const hidden = part.startsWith('.') || part === '' ? '' : '(?!\\.)';
  return (
    hidden +
    part.replace(/\[!?[^\]]+\]|[\s\S]/gu, (token) => {
      if (token === '*') return '[^/]*';
      if (token === '?') return '[^/]';
      if (token.length > 2 && token.startsWith('[')) {
        const isNegated = token[1] === '!';
        return `[${isNegated ? '^' : ''}${token.slice(isNegated ? 2 : 1, -1).replace(/[\\\][^&]/gu, '\\$&')}]`;
      }
      return token.replace(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');
    })
  );
}
