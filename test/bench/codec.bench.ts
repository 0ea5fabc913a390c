// The batch codec against JSON and msgpackr: batches of Nexmark-like bids, objects to bytes and bytes to objects.
import { Packr } from 'msgpackr';
import { Prng } from '@millrace/common';
import {
  createBatchBuilder,
  decodeBatchV1,
  encodeBatchV1,
  recordsOf,
  type RecordBatch,
} from '@millrace/proto';
import { compareEach, sink, type Bench, type Comparison, type Row } from './compare.ts';

const ROWS = 1024;
const M_RECORDS = { unit: 'M records/CPU s', unitScale: 1e6, clock: 'cpu' } as const;

interface Bid {
  auction: number;
  bidder: number;
  price: number;
  dateTime: number;
  channel: string;
  url: string;
  extra: string;
}

/** The same bids each time: about 190 bytes of fields each. */
function bids(): Bid[] {
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

/** Reads what was decoded, so that all records are made. */
function totalPrice(records: readonly unknown[]): number {
  let total = 0;
  for (const record of records as readonly Bid[]) total += record.price;
  return total;
}

/** Makes records with some fields only, as a generated chain does whose functions read no others. */
function reader(
  batch: RecordBatch | undefined,
  fields: ReadonlySet<string>,
): (batch: RecordBatch) => unknown[] {
  if (batch === undefined) throw new Error('the builder handed nothing over');
  const { text, columns } = batch.shape.emitRecord('row', fields);
  const declared = [...columns].map(
    (column) => `const column$${column} = ${batch.shape.emitColumn('batch', column)};`,
  );
  // oxlint-disable-next-line typescript/no-implied-eval -- as chains are made
  return new Function(
    'batch',
    `// bench ${[...fields].join()}
${declared.join('\n')}
const records = [];
for (let row = 0; row < batch.rowCount; row++) records.push(${text});
return records;`,
  ) as (batch: RecordBatch) => unknown[];
}

export const codecBench: Bench = {
  name: 'codec',
  run: async (wants = () => true) => {
    const records = bids();
    let built: RecordBatch | undefined;
    const builder = createBatchBuilder({
      codegenId: 'bench codec',
      targetCount: 1,
      isKeyed: false,
      rowsMax: ROWS,
      onBatch: (_, batch) => (built = batch),
    });
    const encode = (): Uint8Array => {
      built = undefined;
      for (const record of records) builder.append(0, record, Number.NaN, 0);
      if (built === undefined) builder.flushAll();
      if (built === undefined) throw new Error('the builder handed nothing over');
      return encodeBatchV1(built);
    };
    const packr = new Packr({ structures: [] });
    const bytes = encode();
    const json = Buffer.from(JSON.stringify(records));
    const packed = Buffer.from(packr.pack(records));

    const encodeOurs = (): number => (sink(encode()), ROWS);
    const decodeOurs = (): number => (sink(totalPrice(recordsOf(decodeBatchV1(bytes)))), ROWS);
    const some = reader(built as RecordBatch | undefined, new Set(['auction', 'price']));
    const text = reader(built as RecordBatch | undefined, new Set(['auction', 'price', 'url']));
    const decodeSome = (): number => (sink(totalPrice(some(decodeBatchV1(bytes)))), ROWS);
    const decodeText = (): number => (sink(totalPrice(text(decodeBatchV1(bytes)))), ROWS);
    const comparisons: readonly Comparison[] = [
      {
        ...M_RECORDS,
        what: 'encode a batch of 1,024 bids',
        against: 'JSON.stringify',
        baseline: () => (sink(Buffer.from(JSON.stringify(records))), ROWS),
        ours: encodeOurs,
      },
      {
        ...M_RECORDS,
        what: 'encode a batch of 1,024 bids',
        against: 'msgpackr, records',
        baseline: () => (sink(packr.pack(records)), ROWS),
        ours: encodeOurs,
      },
      {
        ...M_RECORDS,
        what: 'decode it, all objects made',
        against: 'JSON.parse',
        guard: 5,
        baseline: () => (sink(totalPrice(JSON.parse(json.toString()) as Bid[])), ROWS),
        ours: decodeOurs,
      },
      {
        ...M_RECORDS,
        what: 'decode it, objects with 2 of 7 fields',
        against: 'JSON.parse',
        baseline: () => (sink(totalPrice(JSON.parse(json.toString()) as Bid[])), ROWS),
        ours: decodeSome,
      },
      {
        ...M_RECORDS,
        what: 'decode it, objects with 1 of 3 texts',
        against: 'JSON.parse',
        baseline: () => (sink(totalPrice(JSON.parse(json.toString()) as Bid[])), ROWS),
        ours: decodeText,
      },
      {
        ...M_RECORDS,
        what: 'decode it, all objects made',
        against: 'msgpackr, records',
        baseline: () => (sink(totalPrice(packr.unpack(packed) as Bid[])), ROWS),
        ours: decodeOurs,
      },
    ];
    const bytesEach: Row = {
      what: 'bytes a bid',
      against: 'JSON',
      baseline: json.byteLength / ROWS,
      ours: bytes.byteLength / ROWS,
      unit: 'bytes',
      ratio: bytes.byteLength / json.byteLength,
    };
    return [...(await compareEach(comparisons, wants)), ...(wants(bytesEach) ? [bytesEach] : [])];
  },
};
