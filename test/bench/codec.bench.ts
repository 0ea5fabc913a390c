// The batch codec against JSON and msgpackr: batches of Nexmark-like bids, objects to bytes and bytes to objects.
import { Packr } from 'msgpackr';
import { decodeBatchV1, recordsOf } from '@millrace/proto';
import { BidEncoder, bids, loopOver, M_RECORDS, ROWS, type Bid } from './bid-batches.ts';
import { compareEach, sink, type Bench, type Comparison, type Row } from './compare.ts';

const COLLECTED = { before: 'const records = [];', each: 'records.push(record);', result: 'records' };

/** Reads what was decoded, so that all records are made. */
function totalPrice(records: readonly unknown[]): number {
  let total = 0;
  for (const record of records as readonly Bid[]) total += record.price;
  return total;
}

export const codecBench: Bench = {
  name: 'codec',
  run: async (wants = () => true) => {
    const records = bids();
    const encoder = new BidEncoder(records);
    const encode = (): Uint8Array => encoder.encode(records);
    const packr = new Packr({ structures: [] });
    const bytes = encode();
    const json = Buffer.from(JSON.stringify(records));
    const packed = Buffer.from(packr.pack(records));

    const encodeOurs = (): number => (sink(encode()), ROWS);
    const decodeOurs = (): number => (sink(totalPrice(recordsOf(decodeBatchV1(bytes)))), ROWS);
    const batch = encoder.build(records);
    const some = loopOver<unknown[]>(batch, new Set(['auction', 'price']), COLLECTED);
    const text = loopOver<unknown[]>(batch, new Set(['auction', 'price', 'url']), COLLECTED);
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
