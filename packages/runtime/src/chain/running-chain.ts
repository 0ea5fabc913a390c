// [HOT] A chain at work: picks the loop for a batch, and drives what happens outside of loops.
import { invariant } from '@millrace/common';
import type { MalformedRecord, SourceBatch, StreamNode } from '@millrace/api';
import type {
  BatchShape,
  DroppedRecordsSnapshot,
  Json,
  OperatorMetric,
  OperatorSnapshot,
  RecordBatch,
} from '@millrace/proto';
import type { ChainOperator, FrozenOperator } from '../operator/chain-stage.ts';
import type { OperatorMetrics } from '../operator/metrics/operator-metrics.ts';
import { stateVersions } from '../operator/state-migrations.ts';
import type { EventTimeTracker } from '../operator/event-time-tracker.ts';
import type { PartialAggregates } from '../operator/window/partial-aggregates.ts';
import type { ChainTopology } from './chain-topology.ts';
import {
  fieldsReadOf,
  generateBatchLoop,
  generateSourceLoop,
  sourceForm,
  type BatchLoop,
  type ChainCode,
  type SourceLoop,
} from './codegen/chain-codegen.ts';
import type { ChainTallies } from './dropped-records.ts';
import type {
  ChainDrops,
  ChainEnvironment,
  ChainInFlight,
  ChainMetrics,
  ChainOutput,
  FrozenChain,
  OperatorChain,
} from './operator-chain.ts';

/** Loops that a chain keeps for one input, and for source batches; above it the oldest is dropped and generated again. */
const LOOPS_MAX = 64;
/** State is counted at every so many looks at its need for relief, which come once a batch. */
const RELIEF_LOOKS_PER_COUNT = 64;

/** Loops of one input for the shapes seen last. */
interface InputLoops {
  lastShape: BatchShape | undefined;
  lastLoop: BatchLoop | undefined;
  readonly keyed: Map<BatchShape, BatchLoop>;
  readonly unkeyed: Map<BatchShape, BatchLoop>;
}

export interface RunningChainParts {
  readonly environment: ChainEnvironment;
  readonly topology: ChainTopology;
  readonly code: ChainCode;
  readonly tallies: ChainTallies;
  readonly operatorMetrics: readonly OperatorMetrics[];
  /** Of the nodes with watermarks, in the order of the chain: the last one's count. */
  readonly trackers: ReadonlyMap<StreamNode, EventTimeTracker>;
}

export class RunningChain implements OperatorChain {
  readonly metrics: ChainMetrics;
  readonly sourceFields: readonly string[] | undefined;
  readonly inFlight: ChainInFlight | undefined;
  readonly #parts: RunningChainParts;
  readonly #operators: readonly ChainOperator[];
  readonly #partials: readonly PartialAggregates[];
  readonly #inputs: readonly InputLoops[];
  readonly #sourceLoops = new Map<string, SourceLoop>();
  readonly #batchEnds: readonly ChainOperator[];
  readonly watermarkDelayMs: number;
  /** What `resume` goes on with: a step for each operator, and the operator that is at it. */
  #step: ((operator: ChainOperator) => boolean) | undefined;
  #stepIndex = 0;
  /** Loop over the rest of the batch that stopped. */
  #rest: (() => void) | undefined;
  #sourceMaxMs = -Infinity;
  #reliefLooks = 0;
  readonly #trackers: readonly EventTimeTracker[];
  readonly #tracker: EventTimeTracker | undefined;
  /** A `watermarks` operator in the chain says how far event time has come, not the source. */
  readonly #hasOwnWatermark: boolean;
  /** The source's loop keeps the greatest event time in a local variable. */
  readonly #isTimeInLoop: boolean;

  constructor(parts: RunningChainParts) {
    this.#parts = parts;
    this.metrics = parts.code.metrics;
    this.#trackers = [...parts.trackers.values()];
    this.#tracker = this.#trackers.at(-1);
    const timed = [...parts.trackers.keys()].at(-1);
    this.#hasOwnWatermark = timed?.operator.kind === 'watermarks';
    this.#isTimeInLoop =
      timed === undefined || (!this.#hasOwnWatermark && this.#tracker?.watermarks.kind === 'bounded');
    this.sourceFields = sourceFieldsOf(parts);
    this.#operators = parts.topology.nodes.flatMap((node) => parts.code.operators.get(node) ?? []);
    this.watermarkDelayMs = this.#operators[0]?.watermarkDelayMs ?? 0;
    this.inFlight = this.#operators.find((operator) => operator.inFlight !== undefined)?.inFlight;
    this.#batchEnds = this.#operators.filter((operator) => operator.endBatch !== undefined);
    this.#partials = [...parts.code.ports.values()].flat().flatMap((port) => port.partials ?? []);
    parts.code.emission.needsRelief = () => this.#needsRelief();
    this.#inputs = parts.topology.inputs.map(() => ({
      lastShape: undefined,
      lastLoop: undefined,
      keyed: new Map(),
      unkeyed: new Map(),
    }));
  }

  get ownWatermarkMs(): number | undefined {
    const tracker = this.#tracker;
    return tracker === undefined || !this.#hasOwnWatermark ? undefined : tracker.maxMs - tracker.boundMs - 1;
  }

  get eventTimeIntervalMs(): number {
    return this.#tracker?.intervalMs ?? Infinity;
  }

  tickEventTime(splitId: string): number {
    return this.#tracker?.tick(splitId) ?? NaN;
  }

  forgetSplit(splitId: string): void {
    for (const tracker of this.#trackers) tracker.forget(splitId);
  }

  #beginBatch(splitId: string): void {
    for (let index = 0; index < this.#trackers.length; index++) this.#trackers[index]?.beginBatch(splitId);
  }

  get drops(): ChainDrops {
    return this.#parts.tallies;
  }

  processBatch(inputIndex: number, batch: RecordBatch, channelIndex: number): boolean {
    const input = this.#inputs[inputIndex];
    invariant(input !== undefined, 'a batch came over an input that the vertex does not have');
    this.metrics.recordsIn += batch.rowCount;
    this.#parts.tallies.origin.atChannel(channelIndex);
    this.#beginBatch('');
    const hasKeyHashes = batch.keyHashes !== undefined;
    const loops = hasKeyHashes ? input.keyed : input.unkeyed;
    let loop = batch.shape === input.lastShape ? input.lastLoop : undefined;
    loop ??= loops.get(batch.shape) ?? this.#makeBatchLoop(inputIndex, batch, loops);
    // An edge's batches all carry hashes or none does; the last shape is remembered for those that do.
    if (hasKeyHashes || input.keyed.size === 0) {
      input.lastShape = batch.shape;
      input.lastLoop = loop;
    }
    loop(batch);
    if (!this.#parts.code.emission.isStopped) return this.#endBatch();
    const stopped = loop;
    this.#rest = () => stopped(batch);
    return false;
  }

  #makeBatchLoop(inputIndex: number, batch: RecordBatch, loops: Map<BatchShape, BatchLoop>): BatchLoop {
    const input = this.#parts.topology.inputs[inputIndex];
    invariant(input !== undefined, 'records came over an assignment edge');
    const hasKeyHashes = batch.keyHashes !== undefined;
    const loop = generateBatchLoop(
      this.#parts.code,
      { ...input, inputIndex },
      { shape: batch.shape, hasKeyHashes },
    );
    return keep(loops, batch.shape, loop);
  }

  processSource(batch: SourceBatch<unknown>, splitId: string): boolean {
    const { topology, code, tallies } = this.#parts;
    tallies.origin.atSource(batch, splitId);
    this.#beginBatch(splitId);
    if (batch.malformed !== undefined) this.#takeMalformed(batch.malformed);
    const form = sourceForm(batch);
    const loop =
      this.#sourceLoops.get(form) ??
      keep(this.#sourceLoops, form, generateSourceLoop(code, topology.head, batch));
    if (this.#tracker !== undefined) this.#tracker.maxMs = -Infinity;
    this.metrics.recordsIn += rowsOf(batch);
    this.#sourceMaxMs = loop(batch);
    if (!code.emission.isStopped) return this.#endBatch();
    this.#rest = () => {
      this.#sourceMaxMs = Math.max(this.#sourceMaxMs, loop(batch));
    };
    return false;
  }

  #takeMalformed(malformed: readonly MalformedRecord[]): void {
    const { code, topology } = this.#parts;
    const { node } = topology.head;
    invariant(node.operator.kind === 'source', 'only sources read records');
    for (const record of malformed) code.failures.takeMalformed(node, node.operator.onMalformed, record);
  }

  get sourceTimeMs(): number {
    const eventTimeMs = this.#isTimeInLoop ? this.#sourceMaxMs : (this.#tracker?.maxMs ?? -Infinity);
    return eventTimeMs === -Infinity ? NaN : eventTimeMs;
  }

  /** False: the end of the batch emitted so much that the chain stopped. */
  #endBatch(): boolean {
    for (let index = 0; index < this.#batchEnds.length; index++) this.#batchEnds[index]?.endBatch?.();
    for (let index = 0; index < this.#partials.length; index++) this.#partials[index]?.startClock();
    // A function of the user's may have caught it.
    const { failure } = this.#parts.code.sites;
    if (failure !== undefined) throw failure;
    return !this.#parts.code.emission.isStopped;
  }

  advanceWatermark(watermarkMs: number): boolean {
    const head = this.#operators[0];
    const behindMs = watermarkMs - this.watermarkDelayMs;
    return this.#start(
      (operator) => operator.advanceWatermark?.(operator === head ? watermarkMs : behindMs) ?? true,
    );
  }

  advanceProcessingTime(nowMs: number): boolean {
    for (const partials of this.#partials) if (partials.deadlineMs <= nowMs) partials.flush(Infinity);
    return this.#start((operator) => operator.advanceProcessingTime?.(nowMs) ?? true);
  }

  endInput(): boolean {
    return this.#start((operator) => operator.endInput?.() ?? true);
  }

  emitResults(): boolean {
    return this.#start((operator) => operator.emitResults?.() ?? true);
  }

  get isAwaitingResults(): boolean {
    return (
      this.inFlight?.hasResults === false &&
      this.#step !== undefined &&
      this.#rest === undefined &&
      !this.#parts.code.emission.isStopped
    );
  }

  nextProcessingTimeMs(): number {
    let next = Infinity;
    for (const partials of this.#partials) next = Math.min(next, partials.deadlineMs);
    for (const operator of this.#operators)
      next = Math.min(next, operator.nextProcessingTimeMs?.() ?? Infinity);
    return next;
  }

  #start(step: (operator: ChainOperator) => boolean): boolean {
    invariant(this.#isDone, 'the chain was called before it resumed');
    this.#parts.tallies.origin.atTime();
    this.#step = step;
    this.#stepIndex = 0;
    return this.#resumeStep();
  }

  get #isDone(): boolean {
    return this.#step === undefined && this.#rest === undefined && !this.#parts.code.emission.isStopped;
  }

  /** What is left of a record or timer, then of the batch or of the step. */
  resume(): boolean {
    const { emission } = this.#parts.code;
    if (!emission.resume()) return false;
    if (this.#rest === undefined) return this.#resumeStep();
    if (emission.row >= 0) this.#rest();
    if (emission.isStopped) return false;
    this.#rest = undefined;
    return this.#endBatch();
  }

  /** The same step again, from the operator that stopped: what its step did is not done twice, since the operator knows. */
  #resumeStep(): boolean {
    const step = this.#step;
    if (step === undefined) return true;
    const { emission } = this.#parts.code;
    while (this.#stepIndex < this.#operators.length) {
      if (!step(this.#operators[this.#stepIndex] as ChainOperator)) return false;
      this.#stepIndex++;
      if (emission.isStopped) return false;
    }
    this.#step = undefined;
    return this.#endBatch();
  }

  holdsWatermarks(output?: ChainOutput): boolean {
    for (let index = 0; index < this.#partials.length; index++) {
      const partials = this.#partials[index];
      if (partials?.holdsWatermarks === true && (output ?? partials.output) === partials.output) return true;
    }
    return false;
  }

  flushPartials(watermarkMs = Infinity): void {
    for (let index = 0; index < this.#partials.length; index++) this.#partials[index]?.flush(watermarkMs);
  }

  get needsRelief(): boolean {
    if (++this.#reliefLooks % RELIEF_LOOKS_PER_COUNT === 0) this.#countState();
    return this.#needsRelief();
  }

  #needsRelief(): boolean {
    return this.#operators.some((operator) => operator.needsRelief?.() === true);
  }

  relieve(): Promise<void> | undefined {
    const waits = this.#operators.flatMap((operator) => operator.relieve?.() ?? []);
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
  }

  #countState(): void {
    let entries = 0;
    let bytes = 0;
    for (const operator of this.#operators) {
      entries += operator.stateEntries?.() ?? 0;
      bytes += operator.stateBytes?.() ?? 0;
    }
    this.metrics.stateEntries = entries;
    this.metrics.stateBytes = bytes;
  }

  freeze(checkpointId: number, isFinal = false): FrozenChain {
    invariant(this.#isDone, 'a chain is frozen between batches');
    const { environment, topology } = this.#parts;
    this.flushPartials();
    this.#countState();
    const source = environment.snapshotSource?.();
    const dropped = new Map(
      this.#operators.map(({ node }) => [node.id, this.#parts.tallies.of(node).snapshot()]),
    );
    const frozen = new Map<ChainOperator, FrozenOperator>();
    for (const operator of this.#operators) {
      const parts = operator.freeze?.(checkpointId, isFinal);
      if (parts !== undefined) frozen.set(operator, parts);
    }
    const headId = topology.head.node.id;
    const { subtaskIndex } = environment;
    const { recordsIn, recordsOut, recordsAhead } = this.metrics;
    const ahead = recordsAhead === 0 ? {} : { recordsAhead };
    const counts = { subtaskIndex, recordsIn, recordsOut, ...ahead };
    return {
      write: async (blobStore, prefix) => {
        const operators: OperatorSnapshot[] = [];
        let newBytes = 0;
        for (const operator of this.#operators) {
          const { id: nodeId, uid } = operator.node;
          const state = await frozen.get(operator)?.write(blobStore, `${prefix}${nodeId}-`);
          newBytes += state?.newBytes ?? 0;
          const inline: Json | undefined = nodeId === headId && source !== undefined ? source : state?.inline;
          operators.push({
            nodeId,
            uid,
            keyedFiles: state?.keyedFiles ?? [],
            ...(inline === undefined ? {} : { inline }),
            ...withVersions(stateVersions(operator.node)),
            ...withDropped(dropped.get(nodeId)),
            ...(nodeId === headId ? { counts } : {}),
          });
        }
        return { operators, newBytes };
      },
    };
  }

  checkpointCompleted(checkpointId: number): void {
    for (const operator of this.#operators) operator.checkpointCompleted?.(checkpointId);
  }

  checkpointAborted(checkpointId: number): void {
    for (const operator of this.#operators) operator.checkpointAborted?.(checkpointId);
  }

  async commit(checkpointId: number): Promise<void> {
    await Promise.all(this.#operators.map(async (operator) => operator.commit?.(checkpointId)));
  }

  operatorMetrics(): readonly OperatorMetric[] {
    return this.#parts.operatorMetrics.flatMap((metrics) => metrics.report());
  }

  async close(): Promise<void> {
    const errors: unknown[] = [];
    this.#parts.code.emission.close();
    for (const operator of this.#operators) {
      try {
        await operator.close?.();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, 'Several operators failed to close');
  }
}

function withVersions(versions: OperatorSnapshot['stateVersions']): Pick<OperatorSnapshot, 'stateVersions'> {
  return versions === undefined ? {} : { stateVersions: versions };
}

function withDropped(dropped: DroppedRecordsSnapshot | undefined): Pick<OperatorSnapshot, 'dropped'> {
  return dropped === undefined ? {} : { dropped };
}

function sourceFieldsOf({ code, topology }: RunningChainParts): readonly string[] | undefined {
  const { head } = topology;
  if (head.node.operator.kind !== 'source') return undefined;
  const fields = fieldsReadOf(code, head);
  if (fields === 'all') return undefined;
  return fields === 'none' ? [] : [...fields];
}

function keep<K, V>(cache: Map<K, V>, key: K, value: V): V {
  if (cache.size >= LOOPS_MAX) {
    const oldest = cache.keys().next();
    if (oldest.done !== true) cache.delete(oldest.value);
  }
  cache.set(key, value);
  return value;
}

function rowsOf(batch: SourceBatch<unknown>): number {
  switch (batch.kind) {
    case 'records':
      return batch.records.length;
    case 'columns':
      return batch.rowCount;
    case 'indexed':
    case 'computed':
      return batch.to - batch.from;
  }
}
