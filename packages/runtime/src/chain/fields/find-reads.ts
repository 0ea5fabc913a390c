// Walks the syntax tree of a function, and follows one of its parameters.
import type { AnyNode, Expression, MemberExpression, Node, Pattern } from 'acorn';
import type { FieldsRead } from './fields-read.ts';

/** Returns what the function `whole` reads of parameter `index`; see `fieldsRead`. */
export function findReads(whole: Expression, params: readonly Pattern[], index: number): FieldsRead {
  const search = new ReadSearch();
  const given = params[index];
  if (given === undefined) {
    if (params.at(-1)?.type === 'RestElement') return 'all';
  } else {
    search.take(given.type === 'AssignmentPattern' ? given.left : given);
  }
  search.visitFunction(whole as AnyNode, given);
  return search.result;
}

class ReadSearch {
  /** The parameter's name; undefined where it has none, since it is taken apart or left out. */
  #name: string | undefined;
  #escapes = false;
  #isMentioned = false;
  /** Functions around the node at hand that have a parameter of the same name. */
  #shadows = 0;
  readonly #fields = new Set<string>();

  get result(): FieldsRead {
    if (this.#escapes) return 'all';
    return this.#isMentioned ? this.#fields : 'none';
  }

  take(pattern: Pattern): void {
    if (pattern.type === 'Identifier') this.#name = pattern.name;
    else if (pattern.type === 'ObjectPattern') this.#takeApart(pattern);
    else this.#escapes = true;
  }

  /** Everything of the function but the parameter itself, whose default counts. */
  visitFunction(node: AnyNode, given: Pattern | undefined): void {
    if (node.type !== 'ArrowFunctionExpression' && node.type !== 'FunctionExpression') return;
    for (const param of node.params) {
      if (param !== given) this.#visit(param as AnyNode);
      else if (param.type === 'AssignmentPattern') this.#visit(param.right as AnyNode);
      if (param === given && this.#name === undefined) this.#visit(param as AnyNode);
    }
    this.#visit(node.body as AnyNode);
  }

  /** `{ a, b: { c } = d }`: reads a and b. A rest, or a key that is computed, may read anything. */
  #takeApart(pattern: Pattern & { type: 'ObjectPattern' }): void {
    this.#isMentioned = true;
    for (const property of pattern.properties) {
      const name = property.type === 'Property' ? staticName(property) : undefined;
      this.#read(name);
    }
  }

  #read(name: string | undefined): void {
    this.#isMentioned = true;
    // What objects inherit works on the whole object, or leads to it.
    if (name === undefined || name in Object.prototype) this.#escapes = true;
    else this.#fields.add(name);
  }

  #isParameter(node: Node | null | undefined): boolean {
    return (
      this.#shadows === 0 &&
      node?.type === 'Identifier' &&
      (node as Node & { readonly name: string }).name === this.#name
    );
  }

  /** `p.name`, also as `p?.name`. */
  #isMemberOfParameter(node: Node | null | undefined): node is MemberExpression {
    const inner = node?.type === 'ChainExpression' ? (node as Node & { expression: Node }).expression : node;
    return inner?.type === 'MemberExpression' && this.#isParameter((inner as MemberExpression).object);
  }

  #visit(node: AnyNode | null | undefined): void {
    if (node === null || node === undefined || this.#escapes) return;
    switch (node.type) {
      case 'Identifier':
        if (this.#isParameter(node) || node.name === 'arguments' || node.name === 'eval')
          this.#escapes = true;
        return;
      case 'MemberExpression':
        this.#visitMember(node);
        return;
      case 'CallExpression':
      case 'NewExpression':
        // The record is `this` in a method of its own.
        if (this.#isMemberOfParameter(node.callee)) this.#escapes = true;
        break;
      case 'TaggedTemplateExpression':
        if (this.#isMemberOfParameter(node.tag)) this.#escapes = true;
        break;
      case 'AssignmentExpression':
      case 'ForInStatement':
      case 'ForOfStatement':
        this.#visitTarget(node.left as AnyNode);
        break;
      case 'UpdateExpression':
        this.#visitTarget(node.argument as AnyNode);
        break;
      case 'UnaryExpression':
        if (node.operator === 'delete') this.#visitTarget(node.argument as AnyNode);
        if (this.#isParameter(node.argument) && ['!', 'typeof', 'void'].includes(node.operator))
          return this.#look();
        break;
      case 'BinaryExpression':
        if (this.#comparesWithNothing(node)) return this.#look();
        break;
      case 'LogicalExpression':
        if (node.operator !== '&&' || !this.#isParameter(node.left)) break;
        this.#look();
        return this.#visit(node.right as AnyNode);
      case 'IfStatement':
      case 'ConditionalExpression':
        if (!this.#isParameter(node.test)) break;
        this.#look();
        this.#visit(node.consequent as AnyNode);
        return this.#visit(node.alternate as AnyNode);
      case 'VariableDeclarator':
        if (node.id.type !== 'ObjectPattern' || !this.#isParameter(node.init)) break;
        this.#takeApart(node.id);
        return this.#visit(node.id as AnyNode);
      case 'Property':
      case 'MethodDefinition':
      case 'PropertyDefinition':
        if (node.computed) this.#visit(node.key as AnyNode);
        return this.#visit(node.value as AnyNode);
      case 'LabeledStatement':
        return this.#visit(node.body as AnyNode);
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'MetaProperty':
        return;
      case 'ArrowFunctionExpression':
      case 'FunctionExpression':
      case 'FunctionDeclaration':
        return this.#visitNested(node);
      default:
    }
    this.#visitParts(node);
  }

  /** It is asked whether there is a record: no field of it. */
  #look(): void {
    this.#isMentioned = true;
  }

  #visitMember(node: MemberExpression): void {
    if (this.#isParameter(node.object)) {
      this.#read(staticName({ key: node.property, computed: node.computed }));
      if (node.computed) this.#visit(node.property as AnyNode);
      return;
    }
    this.#visit(node.object as AnyNode);
    if (node.computed) this.#visit(node.property as AnyNode);
    // A function's `arguments` and `caller`, outside of strict mode.
    else if (['arguments', 'caller'].includes(staticName({ key: node.property, computed: false }) ?? ''))
      this.#escapes = true;
  }

  /** What is assigned to: a field of the record there would be a change of it. */
  #visitTarget(target: AnyNode): void {
    if (this.#isMemberOfParameter(target)) {
      this.#escapes = true;
    } else if (target.type === 'ArrayPattern') {
      for (const element of target.elements) if (element !== null) this.#visitTarget(element as AnyNode);
    } else if (target.type === 'ObjectPattern') {
      for (const property of target.properties)
        this.#visitTarget((property.type === 'Property' ? property.value : property) as AnyNode);
    } else if (target.type === 'AssignmentPattern') {
      this.#visitTarget(target.left as AnyNode);
    } else if (target.type === 'RestElement') {
      this.#visitTarget(target.argument as AnyNode);
    }
  }

  /** A function within, whose own parameter may hide ours. */
  #visitNested(node: AnyNode & { readonly params: Pattern[] }): void {
    const hides = this.#name !== undefined && node.params.some((param) => bindsName(param, this.#name));
    if (hides) this.#shadows++;
    this.#visitParts(node);
    if (hides) this.#shadows--;
  }

  #visitParts(node: AnyNode): void {
    for (const part of Object.values(node) as unknown[]) {
      if (Array.isArray(part)) for (const one of part) this.#visitPart(one);
      else this.#visitPart(part);
    }
  }

  #visitPart(part: unknown): void {
    if (typeof (part as { readonly type?: unknown } | null)?.type === 'string') this.#visit(part as AnyNode);
  }

  /** `p === undefined` and the like. */
  #comparesWithNothing(node: AnyNode & { type: 'BinaryExpression' }): boolean {
    if (!['==', '!=', '===', '!=='].includes(node.operator)) return false;
    const { left, right } = node;
    return (this.#isParameter(left) && isNothing(right)) || (this.#isParameter(right) && isNothing(left));
  }
}

function isNothing(node: Node): boolean {
  const known = node as AnyNode;
  if (known.type === 'Literal') return known.value === null && known.raw === 'null';
  if (known.type === 'Identifier') return known.name === 'undefined';
  return known.type === 'UnaryExpression' && known.operator === 'void' && known.argument.type === 'Literal';
}

function staticName(of: { readonly key: Node; readonly computed: boolean }): string | undefined {
  const key = of.key as AnyNode;
  if (key.type === 'Identifier') return of.computed ? undefined : key.name;
  if (key.type !== 'Literal') return undefined;
  return typeof key.value === 'string' || typeof key.value === 'number' ? String(key.value) : undefined;
}

function bindsName(pattern: Pattern, name: string | undefined): boolean {
  switch (pattern.type) {
    case 'Identifier':
      return pattern.name === name;
    case 'AssignmentPattern':
      return bindsName(pattern.left, name);
    case 'RestElement':
      return bindsName(pattern.argument, name);
    case 'ArrayPattern':
      return pattern.elements.some((element) => element !== null && bindsName(element, name));
    case 'ObjectPattern':
      return pattern.properties.some((property) =>
        bindsName(property.type === 'Property' ? property.value : property.argument, name),
      );
    default:
      return false;
  }
}
