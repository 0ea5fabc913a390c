// Batches of Nexmark-like bids: as objects, as bytes, and read as generated loops read them.
import { MillraceError, Prng } from '@millrace/common';
import { createBatchBuilder, encodeBatchV1, type RecordBatch } from '@millrace/proto';

/** Of a batch. */
export const ROWS = 1024;
export const M_RECORDS = { unit: 'M records/CPU s', unitScale: 1e6, clock: 'cpu' } as const;

export interface Bid {
  auction: number;
  bidder: number;
  price: number;
  dateTime: number;
  channel: string;
  url: string;
  extra: string;
}

/** The same bids each time: about 190 bytes of fields each. */
export function bids(): Bid[] {
  const prng = new Prng(1);
  const below = (bound: number): number => prng.nextUint32() % bound;
  const letters = (length: number): string =>
    Array.from({ length }, () => String.fromCharCode(97 + below(26))).join('');
  return Array.from({ length: ROWS }, (_, index) => ({
    auction: 1000 + below(100_000),
    bidder: 1000 + below(100_000),
    price: 100 + below(10_000_000),
    dateTime: 1_700_000_000_000 + index * 10,
    channel: `channel-${below(10_000)}`,
    url: `https://www.nexmark.com/${letters(5)}/${letters(5)}/${letters(5)}/item.htm?query=1&channel_id=${below(1 << 20)}`,
    extra: letters(60),
  }));
}

/** Gathers and encodes batches of ROWS records. */
export class BidEncoder {
  #built: RecordBatch | undefined;
  readonly #builder = createBatchBuilder({
    codegenId: 'bench codec',
    targetCount: 1,
    isKeyed: false,
    rowsMax: ROWS,
    onBatch: (_, batch) => (this.#built = batch),
  });

  /** The first batches of a builder have fewer rows: these are made here. */
  constructor(records: readonly Bid[]) {
    for (const record of records) this.#builder.append(0, record, Number.NaN, 0);
    this.#builder.flushAll();
  }

  encode(records: readonly Bid[]): Uint8Array {
    return encodeBatchV1(this.build(records));
  }

  build(records: readonly Bid[]): RecordBatch {
    this.#built = undefined;
    for (const record of records) this.#builder.append(0, record, Number.NaN, 0);
    const batch = this.#built as RecordBatch | undefined;
    if (batch?.rowCount !== ROWS)
      throw new MillraceError(
        'MR_INTERNAL',
        `The builder handed over ${batch?.rowCount ?? 0} of ${ROWS} rows`,
      );
    return batch;
  }
}

/** What a loop over a batch does: `each` with `record` at hand; returns `result`. */
export interface LoopText {
  readonly before: string;
  readonly each: string;
  readonly result: string;
}

/** A loop over batches like `batch`, of whose records only some fields are made, as in a chain whose functions read no others. */
export function loopOver<R>(
  batch: RecordBatch,
  fields: ReadonlySet<string> | undefined,
  { before, each, result }: LoopText,
): (batch: RecordBatch) => R {
  const { text, columns } = batch.shape.emitRecord('row', fields);
  const declared = [...columns].map(
    (column) => `const column$${column} = ${batch.shape.emitColumn('batch', column)};`,
  );
  // oxlint-disable-next-line typescript/no-implied-eval -- as chains are made
  return new Function(
    'batch',
    `// bench ${fields === undefined ? 'all' : [...fields].join()}
${declared.join('\n')}
${before}
for (let row = 0; row < batch.rowCount; row++) { const record = ${text}; ${each} }
return ${result};`,
  ) as (batch: RecordBatch) => R;
}
