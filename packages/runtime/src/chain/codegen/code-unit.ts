// One generated function: its text and the values bound into it. Knows nothing of operators.

/** A function made from text; who asked for it knows its signature. */
export type GeneratedFunction = (...args: never[]) => unknown;

/**
 * Gathers the text of one function and the values that it uses.
 * Contract: the text carries `codegenId`, because V8 shares type feedback between functions of identical source: six jobs
 * with the same operators would run at a tenth of the speed (bench: test/bench).
 */
export class CodeUnit {
  readonly #codegenId: string;
  readonly #values: unknown[] = [];
  readonly #names: string[] = [];
  readonly #nameOf = new Map<unknown, string>();
  readonly #declarations: string[] = [];
  #freshCount = 0;

  constructor(codegenId: string) {
    this.#codegenId = codegenId;
  }

  /** Name by which the text refers to `value`: a constant of the enclosing function, so that V8 can inline calls to it. */
  bind(value: unknown, hint: string): string {
    const known = this.#nameOf.get(value);
    if (known !== undefined) return known;
    const name = `${identifier(hint)}_${this.#values.length}`;
    this.#values.push(value);
    this.#names.push(name);
    this.#nameOf.set(value, name);
    return name;
  }

  /** A name for a local variable that nothing else in the function has. */
  fresh(hint: string): string {
    return `${identifier(hint)}$${this.#freshCount++}`;
  }

  /** Adds a declaration at the start of the function, before the loop. */
  declare(text: string): void {
    this.#declarations.push(text);
  }

  /** Returns the function; `body` may use everything that was bound and declared. */
  compile(parameters: string, body: string): GeneratedFunction {
    const text = [
      `// ${this.#codegenId.replaceAll('\n', ' ')}`,
      '"use strict";',
      ...this.#names.map((name, index) => `const ${name} = bound[${index}];`),
      `return function (${parameters}) {`,
      ...this.#declarations,
      body,
      '};',
    ].join('\n');
    // Reviewed: the text is made of our own fragments, numbers and quoted names; user values come in through `bound`.
    // oxlint-disable-next-line typescript/no-implied-eval
    const factory = new Function('bound', text) as (bound: readonly unknown[]) => GeneratedFunction;
    return factory(this.#values);
  }
}

/** Text of a string literal. */
export function literal(text: string): string {
  return JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

/** Text of a property in an object literal; `__proto__` is an ordinary name there. */
export function property(name: string, value: string): string {
  return `${name === '__proto__' ? '["__proto__"]' : literal(name)}: ${value}`;
}

function identifier(hint: string): string {
  const cleaned = hint.replaceAll(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z_]/.test(cleaned) ? cleaned : `_${cleaned}`;
}
