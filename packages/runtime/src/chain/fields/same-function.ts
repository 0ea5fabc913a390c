// Whether two functions of the user's are one: the same, or written alike and using nothing but their parameter.
import { parseExpressionAt, type AnyNode, type Pattern } from 'acorn';
import type { UserFunction } from '@millrace/api';

/** A longer function is only the same as itself. */
const SOURCE_CHARS_MAX = 1_024;

const { toString: sourceOf } = Function.prototype as { readonly toString: (this: unknown) => string };
const known = new WeakMap<UserFunction, string>();

/**
 * True when both give the same for the same record. Written alike does not suffice: `(bid) => bid[name]` of two modules reads
 * two fields. So only arrows of one expression count that take their parameter's fields, literals and operators.
 */
export function isSameFunction(a: UserFunction, b: UserFunction): boolean {
  if (a === b) return true;
  const text = closedText(a);
  return text !== '' && text === closedText(b);
}

/** Source of a function that refers to nothing outside of it; '' for any other. */
function closedText(callee: UserFunction): string {
  let text = known.get(callee);
  if (text === undefined) known.set(callee, (text = readClosed(callee)));
  return text;
}

function readClosed(callee: UserFunction): string {
  const text = sourceOf.call(callee);
  if (text.length > SOURCE_CHARS_MAX) return '';
  try {
    const arrow = parseExpressionAt(text, 0, { ecmaVersion: 'latest', sourceType: 'module' });
    if (arrow.type !== 'ArrowFunctionExpression' || !arrow.expression) return '';
    const names = new Set<string>();
    const takesOne = arrow.params.length === 1 && addNames(arrow.params[0] as Pattern, names);
    return takesOne && isClosed(arrow.body as AnyNode, names) ? text : '';
  } catch {
    // The parser refuses what it does not know (native code, a syntax newer than itself).
    return '';
  }
}

/** False for a parameter with a default, a rest or a computed name. */
function addNames(pattern: Pattern, names: Set<string>): boolean {
  if (pattern.type === 'Identifier') {
    names.add(pattern.name);
    return true;
  }
  return (
    pattern.type === 'ObjectPattern' &&
    pattern.properties.every(
      (property) => property.type === 'Property' && !property.computed && addNames(property.value, names),
    )
  );
}

function isClosed(node: AnyNode, names: ReadonlySet<string>): boolean {
  switch (node.type) {
    case 'Identifier':
      return names.has(node.name);
    case 'Literal':
      return true;
    case 'MemberExpression':
      return (
        isClosed(node.object as AnyNode, names) &&
        (node.computed ? isClosed(node.property as AnyNode, names) : true)
      );
    case 'ChainExpression':
      return isClosed(node.expression as AnyNode, names);
    case 'UnaryExpression':
      return isClosed(node.argument as AnyNode, names);
    case 'BinaryExpression':
    case 'LogicalExpression':
      return isClosed(node.left as AnyNode, names) && isClosed(node.right as AnyNode, names);
    case 'ConditionalExpression':
      return [node.test, node.consequent, node.alternate].every((part) => isClosed(part as AnyNode, names));
    default:
      return false;
  }
}
