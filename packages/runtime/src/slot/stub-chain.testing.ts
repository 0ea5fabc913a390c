// A chain that needs no operators: a source's records go to the outputs by key, what arrives is collected exactly once.
import type { SourceBatch } from '@millrace/api';
import { recordsOf, type Json, type OperatorSnapshot, type RecordBatch } from '@millrace/proto';
import type { ChainEnvironment, OperatorChain } from '../chain/operator-chain.ts';
import { inheritedCounts } from '../chain/record-counts.ts';

/** `t` is the event time, `key` decides where it goes. */
export interface TestRecord {
  readonly t: number;
  readonly key: number;
}

/** What the sinks of a job have seen; outlives attempts. */
export class Collected {
  readonly committed: TestRecord[] = [];
  readonly lateCount = { value: 0 };
  readonly transactions = new Set<string>();
  readonly watermarksMs: number[] = [];

  commit(transaction: string, records: readonly TestRecord[]): void {
    if (this.transactions.has(transaction)) return;
    this.transactions.add(transaction);
    this.committed.push(...records);
  }

  sorted(): TestRecord[] {
    return this.committed.toSorted((a, b) => a.t - b.t || a.key - b.key);
  }
}

interface Transaction {
  readonly id: string;
  readonly checkpointId: number;
  readonly records: readonly TestRecord[];
}

export function openStubChain(
  collected: Collected,
): (environment: ChainEnvironment) => Promise<OperatorChain> {
  return async (environment) => {
    const nodeId = environment.vertex.nodeIds[0] ?? 0;
    const isSink = environment.outputs.length === 0;
    let pending: TestRecord[] = [];
    let transactions: Transaction[] = [];
    let watermarkMs = environment.restoredWatermarkMs;
    let sourceTimeMs = NaN;
    const { subtaskIndex, vertex } = environment;
    const metrics = {
      ...inheritedCounts(environment.restore.get(nodeId) ?? [], {
        subtaskIndex,
        parallelism: vertex.parallelism,
      }),
      stateEntries: 0,
      stateBytes: 0,
    };
    const drops = { counts: { late: 0, skipped: 0, deadLettered: 0 }, samples: [] };
    for (const snapshot of isSink ? (environment.restore.get(nodeId) ?? []) : []) {
      for (const transaction of snapshot.inline as unknown as Transaction[])
        collected.commit(transaction.id, transaction.records);
    }
    const emit = (record: TestRecord): void => {
      metrics.recordsIn++;
      for (const output of environment.outputs) {
        output.append(record.key % output.channelCount, record, record.t, record.key);
        metrics.recordsOut++;
      }
      if (!isSink) return;
      if (record.t <= watermarkMs) collected.lateCount.value++;
      pending.push(record);
    };
    return {
      metrics,
      drops,
      ownWatermarkMs: undefined,
      watermarkDelayMs: 0,
      eventTimeIntervalMs: Infinity,
      tickEventTime: () => NaN,
      forgetSplit: () => {},
      sourceFields: undefined,
      needsRelief: false,
      relieve: () => undefined,
      processBatch: (_inputIndex, batch: RecordBatch) => {
        for (const record of recordsOf(batch)) emit(record as TestRecord);
        return true;
      },
      get sourceTimeMs() {
        return sourceTimeMs;
      },
      processSource: (batch: SourceBatch<unknown>) => {
        if (batch.kind !== 'records') throw new Error('the stub chain takes records');
        sourceTimeMs = NaN;
        for (const record of batch.records as readonly TestRecord[]) {
          emit(record);
          if (!(record.t <= sourceTimeMs)) sourceTimeMs = record.t;
        }
        return true;
      },
      advanceWatermark: (timestampMs) => {
        if (!(timestampMs > watermarkMs) && timestampMs !== Infinity)
          throw new Error('the watermark went back');
        watermarkMs = timestampMs;
        if (isSink) collected.watermarksMs.push(timestampMs);
        return true;
      },
      advanceProcessingTime: () => true,
      nextProcessingTimeMs: () => Infinity,
      endInput: () => true,
      inFlight: undefined,
      emitResults: () => true,
      isAwaitingResults: false,
      resume: () => true,
      flushPartials: () => {},
      holdsWatermarks: () => false,
      freeze: (checkpointId) => {
        if (isSink && pending.length > 0) {
          transactions.push({
            id: `${environment.executionAttemptId}-${checkpointId}`,
            checkpointId,
            records: pending,
          });
          pending = [];
        }
        const inline = (isSink
          ? [...transactions]
          : (environment.snapshotSource?.() ?? null)) as unknown as Json;
        const counts = { subtaskIndex, recordsIn: metrics.recordsIn, recordsOut: metrics.recordsOut };
        const operators: OperatorSnapshot[] = [
          { nodeId, uid: `node-${nodeId}`, keyedFiles: [], inline, counts },
        ];
        return { write: async () => ({ operators, newBytes: 0 }) };
      },
      checkpointCompleted: () => {},
      checkpointAborted: () => {},
      operatorMetrics: () => [],
      commit: async (checkpointId) => {
        for (const transaction of transactions) {
          if (transaction.checkpointId <= checkpointId) collected.commit(transaction.id, transaction.records);
        }
        transactions = transactions.filter((transaction) => transaction.checkpointId > checkpointId);
      },
      close: async () => {},
    };
  };
}
