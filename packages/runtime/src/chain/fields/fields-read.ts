// What a user's function reads of a record, found in its source text. Where the text leaves a doubt the answer is `all`.
import { parseExpressionAt, type Expression, type Pattern } from 'acorn';
import type { UserFunction } from '@millrace/api';
import { findReads } from './find-reads.ts';

/**
 * Fields of a parameter that a function can come to know: `all` where it may do anything with it, `none` where it does not
 * even look whether it is there.
 */
export type FieldsRead = ReadonlySet<string> | 'all' | 'none';

/** Characters of a function's source that are looked at; a longer function reads everything. */
const SOURCE_CHARS_MAX = 64 * 1024;

const { toString: sourceOf } = Function.prototype as { readonly toString: (this: unknown) => string };
const known = new WeakMap<UserFunction, FieldsRead[]>();

/**
 * Returns what `callee` reads of its parameter `index` when it is called as a plain function or as a method of something
 * else than the parameter. Native, bound and proxied functions, classes, and what does not parse read everything.
 */
export function fieldsRead(callee: UserFunction, index = 0): FieldsRead {
  let answers = known.get(callee);
  if (answers === undefined) known.set(callee, (answers = []));
  return (answers[index] ??= analyse(callee, index));
}

/** Returns all that is in either. */
export function joinFields(a: FieldsRead, b: FieldsRead): FieldsRead {
  if (a === 'all' || b === 'all') return 'all';
  if (a === 'none') return b;
  return b === 'none' ? a : new Set([...a, ...b]);
}

interface ParsedFunction {
  readonly params: readonly Pattern[];
  readonly whole: Expression;
}

function analyse(callee: UserFunction, index: number): FieldsRead {
  try {
    const text = sourceOf.call(callee);
    if (text.length > SOURCE_CHARS_MAX) return 'all';
    const parsed = parseFunction(text);
    return parsed === undefined ? 'all' : findReads(parsed.whole, parsed.params, index);
  } catch {
    // The parser refuses what it does not know (native code, a syntax newer than itself).
    return 'all';
  }
}

/** A function or arrow stands by itself; a method does in an object literal. */
function parseFunction(text: string): ParsedFunction | undefined {
  try {
    return functionOf(parse(`(${text})`));
  } catch {
    const literal = parse(`({${text}})`);
    const [method] = literal.type === 'ObjectExpression' ? literal.properties : [];
    return method?.type === 'Property' && method.method ? functionOf(method.value) : undefined;
  }
}

function parse(text: string): Expression {
  return parseExpressionAt(text, 0, {
    ecmaVersion: 'latest',
    sourceType: 'module',
    allowSuperOutsideMethod: true,
    checkPrivateFields: false,
  });
}

function functionOf(expression: Expression): ParsedFunction | undefined {
  if (expression.type !== 'ArrowFunctionExpression' && expression.type !== 'FunctionExpression')
    return undefined;
  return { params: expression.params, whole: expression };
}
