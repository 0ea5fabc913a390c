// Bids: made, encoded and decoded, by the engine and by loops.
import { defineJob, type SplitReader } from '@millrace/api';
import { MillraceError } from '@millrace/common';
import { nexmarkBids } from '@millrace/connector-nexmark';
import { createBatchBuilder, decodeBatchV1, encodeBatchV1, type RecordBatch } from '@millrace/proto';
import type { OperatorChain } from '@millrace/runtime';
import { BidEncoder, bids, loopOver, M_RECORDS, ROWS, type Bid } from '../bid-batches.ts';
import { sink } from '../compare.ts';
import { runLocalJob } from '../local-job.ts';
import { openSourceChain } from '../open-chain.ts';
import { BareBids, BIDS_PER_BLOCK, BLOCK, digest, FIRST_BID } from './bare-bids.ts';
import type { BareComparison, Outcome } from './bare-comparison.ts';
import { FrameWriter, readFrame, readNumbers } from './bid-frames.ts';

const EVENT_RATE = 10_000_000;
const JOB_BLOCKS = 200_000;
const ENCODED_BLOCKS = 4_000;
const READ_MAX = 4_096;
/** A batch is decoded so often at a time: once takes hardly longer than looking at the clock. */
const DECODED_TIMES = 16;
const NUMBERS: ReadonlySet<string> = new Set(['auction', 'price']);

export async function bidComparisons(): Promise<readonly BareComparison[]> {
  const bare = new BareBids(EVENT_RATE);
  await requireSameBids(bare);
  return [generated(bare), await generatedAndEncoded(bare), ...codec()];
}

/** The loop makes what the engine makes. */
async function requireSameBids(bare: BareBids): Promise<void> {
  const reader = await openBids(READ_MAX);
  const batch = reader.read(READ_MAX);
  if (batch instanceof Promise || batch?.kind !== 'computed') throw unexpected();
  for (let row = batch.from; row < batch.to; row++) {
    const ours = Object.fromEntries(batch.columns.map(({ name, valueAt }) => [name, valueAt(row)]));
    const block = Math.floor(row / BIDS_PER_BLOCK);
    const loops = bare.bidAt(block, FIRST_BID + (row % BIDS_PER_BLOCK));
    if (JSON.stringify(loops) !== JSON.stringify(ours)) throw unexpected();
  }
}

const unexpected = (): MillraceError =>
  new MillraceError('MR_INTERNAL', 'The bids of the loop are not those of the source');

async function openBids(blocks: number): Promise<SplitReader<Bid>> {
  const source = nexmarkBids({ events: blocks * BLOCK, eventRate: EVENT_RATE, splits: 1 });
  const context = { parallelism: 1 } as Parameters<typeof source.enumerate>[0];
  const [split] = await source.enumerate(context);
  if (split === undefined) throw unexpected();
  return await source.openSplit(split, undefined, context);
}

function generated(bare: BareBids): BareComparison {
  let total = 0;
  const job = defineJob(
    'bare-bids',
    (env) => {
      env
        .source(nexmarkBids({ events: JOB_BLOCKS * BLOCK, eventRate: EVENT_RATE }))
        .map(({ auction, bidder, price, channel, url, dateTime, extra }) => ({
          auction,
          bidder,
          price,
          channel,
          url,
          dateTime,
          extra,
        }))
        .forEach((bid) => void (total += digest(bid)));
    },
    { checkpoint: false },
  );
  return {
    ...M_RECORDS,
    what: 'whole bids, made and read',
    loop: 'one function makes each, a loop reads it',
    engine: 'a job on one thread, its start included: q0 with all seven fields',
    turnMs: 400,
    rounds: 3,
    warmUps: 1,
    runLoop: () => {
      let sum = 0;
      for (let block = 0; block < JOB_BLOCKS; block++)
        for (let place = FIRST_BID; place < BLOCK; place++) sum += digest(bare.bidAt(block, place));
      return { units: JOB_BLOCKS * BIDS_PER_BLOCK, result: sum };
    },
    runEngine: async () => {
      total = 0;
      await runLocalJob(job);
      return { units: JOB_BLOCKS * BIDS_PER_BLOCK, result: total };
    },
  };
}

async function generatedAndEncoded(bare: BareBids): Promise<BareComparison> {
  let frameBytes = 0;
  const writer = new FrameWriter((frame) => void (sink(frame), (frameBytes += frame.byteLength)));
  let rows = 0;
  const builder = createBatchBuilder({
    codegenId: 'bench bare',
    targetCount: 1,
    isKeyed: false,
    onBatch: (_, batch) => {
      rows += batch.rowCount;
      sink(encodeBatchV1(batch));
    },
  });
  const job = defineJob('bare-encode', (env) => {
    env
      .source(nexmarkBids({ events: BLOCK }))
      .rebalance()
      .forEach((bid) => sink(digest(bid)));
  });
  const chain = await openSourceChain({
    job,
    ordinal: 100,
    outputOf: (edge) => ({
      edge,
      channelCount: 1,
      append: (_, record, timestampMs, keyHash) => builder.append(0, record, timestampMs, keyHash),
      fieldAppender: (names) => builder.fieldAppender(names),
    }),
  });
  return {
    ...M_RECORDS,
    what: 'whole bids, made and encoded',
    loop: 'one function makes each, a fixed layout into frames of 64 KiB, no checksum',
    engine: 'the source, its generated loop, the batch builder and the codec, checksums included',
    runLoop: () => {
      let count = 0;
      for (let block = 0; block < ENCODED_BLOCKS; block++)
        for (let place = FIRST_BID; place < BLOCK; place++) {
          writer.put(bare.bidAt(block, place));
          count++;
        }
      writer.flush();
      return { units: count, result: count };
    },
    runEngine: async () => {
      rows = 0;
      runThrough(chain, await openBids(ENCODED_BLOCKS));
      builder.flushAll();
      return { units: ENCODED_BLOCKS * BIDS_PER_BLOCK, result: rows };
    },
  };
}

function runThrough(chain: OperatorChain, reader: SplitReader<Bid>): void {
  for (;;) {
    const batch = reader.read(READ_MAX);
    if (batch === undefined) return;
    if (batch instanceof Promise) throw unexpected();
    chain.processSource(batch, 'bench');
  }
}

/** A batch of 1,024 bids and a frame or more of them, there already. */
function codec(): readonly BareComparison[] {
  const records = bids();
  const frames: Buffer[] = [];
  let isKept = true;
  const writer = new FrameWriter((frame) => void (isKept ? frames.push(Buffer.from(frame)) : sink(frame)));
  const write = (): void => {
    for (const record of records) writer.put(record);
    writer.flush();
  };
  write();
  isKept = false;
  const encoder = new BidEncoder(records);
  const batch = encoder.build(records);
  const bytes = encodeBatchV1(batch);
  const readAll = loopOver<number>(batch, undefined, {
    before: 'let sum = 0;',
    each: `sum += record.auction + record.bidder + record.price + record.dateTime +
      record.channel.charCodeAt(0) + record.url.charCodeAt(9) + record.extra.charCodeAt(1);`,
    result: 'sum',
  });
  const readSome = loopOver<number>(batch, NUMBERS, {
    before: 'let sum = 0;',
    each: 'sum += record.auction + record.price;',
    result: 'sum',
  });
  const outcome = (result: number): Outcome => ({ units: ROWS, result });
  const repeated = (decode: () => number) => (): Outcome => {
    let sum = 0;
    for (let time = 0; time < DECODED_TIMES; time++) sum += decode();
    return { units: DECODED_TIMES * ROWS, result: sum };
  };
  const decoded = (read: (batch: RecordBatch) => number) => repeated(() => read(decodeBatchV1(bytes)));
  const sumOf = (read: (frame: Buffer) => number) =>
    repeated(() => {
      let sum = 0;
      for (const frame of frames) sum += read(frame);
      return sum;
    });
  return [
    {
      ...M_RECORDS,
      what: 'bids encoded',
      loop: 'a fixed layout into frames of 64 KiB, no checksum',
      engine: 'the batch builder and the codec, checksums included',
      runLoop: () => (write(), outcome(ROWS)),
      runEngine: () => (sink(encoder.encode(records)), outcome(ROWS)),
    },
    {
      ...M_RECORDS,
      what: 'bids decoded, all fields',
      loop: 'the same layout, one text a frame, of which fields are pieces, no checksum',
      engine: 'the codec and a loop as chains have it, checksums included',
      runLoop: sumOf((frame) =>
        readFrame(
          frame,
          (bid) =>
            bid.auction +
            bid.bidder +
            bid.price +
            bid.dateTime +
            bid.channel.charCodeAt(0) +
            bid.url.charCodeAt(9) +
            bid.extra.charCodeAt(1),
        ),
      ),
      runEngine: decoded(readAll),
    },
    {
      ...M_RECORDS,
      what: 'bids decoded, two numbers',
      loop: 'the same layout, texts skipped, no checksum',
      engine: 'the codec and a loop that makes two fields, checksums included',
      runLoop: sumOf(readNumbers),
      runEngine: decoded(readSome),
    },
  ];
}
