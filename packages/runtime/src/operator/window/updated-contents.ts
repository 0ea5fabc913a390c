// Windows of accumulators that tell of each record what it changed: a window that is its slice, with `emit('update')`.
import type { RowTable } from '@millrace/state';
import { CodeUnit, literal, property } from '../../chain/codegen/code-unit.ts';
import type { AggregateLayout } from '../aggregate/aggregate-layout.ts';
import { foldText } from '../aggregate/fold-code.ts';
import { RowOutput } from '../changelog/row-operator.ts';
import type { StageBody } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { sameValue } from './per-window/same-value.ts';
import type { ResultHead } from './per-window/accumulator-code.ts';
import type { WindowContents, WindowLocals } from './window-contents.ts';

type SameResults = (before: unknown, after: unknown) => boolean;

/**
 * What a window gave last need not be kept: it is what its accumulators give before a record is folded into them. When it ends
 * there is nothing left to say.
 */
export class UpdatedContents implements WindowContents {
  readonly running = undefined;
  readonly emitsByRecord = true;
  readonly table: RowTable;
  readonly #layout: AggregateLayout;
  readonly #head: ResultHead;
  readonly #sizeMs: number;
  readonly #site: number;
  readonly #output: RowOutput;
  readonly #areSame: SameResults;

  /** `names`: of the aggregates. */
  constructor(
    setup: OperatorSetup,
    table: RowTable,
    of: {
      readonly layout: AggregateLayout;
      readonly names: readonly string[];
      readonly head: ResultHead;
      readonly sizeMs: number;
    },
  ) {
    this.table = table;
    this.#layout = of.layout;
    this.#head = of.head;
    this.#sizeMs = of.sizeMs;
    this.#site = setup.sites.register(setup.node, 'window function');
    this.#output = new RowOutput(setup);
    this.#areSame = compileSame(`${setup.codegenId} same results ${setup.node.id}`, of.names);
  }

  emitAdd(body: StageBody, locals: WindowLocals, then: string): string {
    const { unit } = body;
    const { key, hash, slice } = locals;
    const before = unit.fresh('before');
    const results = (cell: (index: number) => string): string =>
      this.#layout.results(unit, cell, this.#headText(key, slice));
    const parts = { table: this.table, layout: this.#layout, site: this.#site, key, hash, namespace: slice };
    const changed = unit.bind(this.#changed, 'changed');
    return foldText(
      body,
      {
        ...parts,
        beforeFold: (cell, isNew) => `const ${before} = ${isNew} ? undefined : ${results(cell)};`,
      },
      ({ cell }) => `${changed}(${before}, ${results(cell)}, ${slice} - 1);\n${then}`,
    );
  }

  #headText(key: string, slice: string): readonly string[] {
    if (this.#head === 'none') return [];
    const window = [property('windowStart', `${slice} - ${this.#sizeMs}`), property('windowEnd', slice)];
    return this.#head === 'key and window' ? [property('key', key), ...window] : window;
  }

  readonly #changed = (before: unknown, after: unknown, timestampMs: number): void => {
    const output = this.#output;
    if (before === undefined) {
      output.change('insert', after, timestampMs);
    } else if (!this.#areSame(before, after)) {
      output.change('updateBefore', before, timestampMs);
      output.change('updateAfter', after, timestampMs);
    }
  };

  fireRow(): void {}

  fireSlices(): void {}

  dropSlice(slice: number): void {
    this.table.removeNamespace(slice);
  }
}

function compileSame(codegenId: string, names: readonly string[]): SameResults {
  const unit = new CodeUnit(codegenId);
  const same = unit.bind(sameValue, 'same');
  const compared = names.map((name) => `${same}(before[${literal(name)}], after[${literal(name)}])`);
  return unit.compile('before, after', `return ${compared.join(' && ')};`) as SameResults;
}
