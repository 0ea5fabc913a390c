// Drives real operator chains without a task: a source vertex of one subtask, and behind it the operators under test as one
// vertex of several subtasks. Single-threaded, in virtual time.
import { MillraceError, type BlobStore } from '@millrace/common';
import { decodeBatchV1, encodeBatchV1, type OperatorSnapshot, type OutputLine } from '@millrace/proto';
import { openOperatorChain, type OperatorChain } from '@millrace/runtime';
import type { ChainHarnessOptions, EmittedRecord, HarnessSnapshot } from './harness-options.ts';
import { World, type Stamped } from './harness-world.ts';

const RESUMES_MAX = 1_000_000;

/**
 * The chains of one attempt.
 * Contract: calls are awaited one after the other. What the operators emit is gathered in `emitted`, in order. What
 * asynchronous operators are answered comes in at {@link settle} only.
 */
export class ChainHarness<T> {
  readonly emitted: EmittedRecord[] = [];
  readonly printed: Omit<OutputLine, 'subtaskIndex'>[] = [];
  readonly blobStore: BlobStore;
  readonly chains: readonly OperatorChain[];
  readonly #producer: OperatorChain;
  readonly #world: World<T>;
  /** Chains that have stopped until results come. */
  readonly #awaiting = new Set<OperatorChain>();

  private constructor(
    world: World<T>,
    chains: { readonly producer: OperatorChain; readonly tested: readonly OperatorChain[] },
  ) {
    this.#world = world;
    this.#producer = chains.producer;
    this.chains = chains.tested;
    this.blobStore = world.blobStore;
    world.onEmitted = (record) => this.emitted.push(record);
    world.onPrinted = (line) => this.printed.push(line);
  }

  /** Opens all chains, restored from a snapshot if one is given. */
  static async open<T>(options: ChainHarnessOptions<T>): Promise<ChainHarness<T>> {
    const world = new World(options);
    const producer = await openOperatorChain(world.producerEnvironment());
    const tested: OperatorChain[] = [];
    for (let index = 0; index < options.parallelism; index++)
      tested.push(await openOperatorChain(world.testedEnvironment(index)));
    return new ChainHarness(world, { producer, tested });
  }

  get nowMs(): number {
    return this.#world.nowMs;
  }

  /** Records of one batch of the source. */
  send(records: readonly { readonly value: T; readonly atMs?: number }[]): void {
    const stamped: Stamped<T>[] = records.map(({ value, atMs }) => ({ atMs: atMs ?? NaN, value }));
    this.#untilDone(
      this.#producer,
      this.#producer.processSource({ kind: 'records', position: null, records: stamped }, 'harness'),
    );
    this.#deliver();
  }

  /** What has been combined on its way goes on, as it does before a barrier. */
  flushPartials(): void {
    this.#producer.flushPartials();
    this.#deliver();
  }

  watermark(watermarkMs: number): void {
    this.#producer.flushPartials(watermarkMs);
    // A task holds the watermark back meanwhile; here it comes when the test says.
    if (this.#producer.holdsWatermarks()) this.#producer.flushPartials();
    this.#deliver();
    this.#world.watermarkMs = watermarkMs;
    for (const chain of this.chains) {
      this.#untilDone(chain, chain.advanceWatermark(watermarkMs));
      chain.flushPartials();
    }
  }

  processingTime(nowMs: number): void {
    this.#world.nowMs = nowMs;
    this.#world.answers.advance();
    // What a producer sums up goes by the clock as well.
    if (this.#producer.nextProcessingTimeMs() <= nowMs) {
      this.#producer.advanceProcessingTime(nowMs);
      this.#deliver();
    }
    for (const chain of this.chains) {
      // As a task does: the chain is called when it asked to be.
      for (let calls = 0; chain.nextProcessingTimeMs() <= nowMs && calls < RESUMES_MAX; calls++) {
        this.#untilDone(chain, chain.advanceProcessingTime(nowMs));
        chain.flushPartials();
      }
    }
  }

  /** The watermark +Infinity, and the end of the input. */
  endInput(): void {
    this.#producer.flushPartials();
    this.watermark(Infinity);
    for (const chain of this.chains) {
      this.#untilDone(chain, chain.endInput());
      chain.flushPartials();
    }
  }

  /** Lets in what asynchronous functions have answered, until nothing more comes without time passing. */
  async settle(): Promise<void> {
    if (this.chains.every(({ inFlight }) => inFlight === undefined)) return;
    let hasMoved = true;
    while (hasMoved) {
      // All promises that wait for no time have settled then.
      await new Promise((resolve) => setImmediate(resolve));
      hasMoved = this.#goOn();
    }
  }

  #goOn(): boolean {
    let hasMoved = this.#world.answers.deliver();
    for (const chain of this.chains) {
      if (this.#awaiting.has(chain) && !chain.isAwaitingResults) {
        this.#awaiting.delete(chain);
        this.#untilDone(chain, chain.resume());
        hasMoved = true;
      }
      while (!this.#awaiting.has(chain) && chain.inFlight?.hasResults === true) {
        this.#untilDone(chain, chain.emitResults());
        hasMoved = true;
      }
    }
    return hasMoved;
  }

  #untilDone(chain: OperatorChain, isDone: boolean): void {
    let resumes = 0;
    for (let done = isDone; !done; done = chain.resume()) {
      if (chain.isAwaitingResults) {
        this.#awaiting.add(chain);
        return;
      }
      if (++resumes > RESUMES_MAX)
        throw new MillraceError('MR_INTERNAL', 'A chain never ends what it was told to resume');
    }
  }

  /** Snapshot of all subtasks, as at a barrier. */
  async snapshot(checkpointId: number): Promise<HarnessSnapshot> {
    this.#producer.flushPartials();
    this.#deliver();
    const frozen = this.chains.map((chain) => chain.freeze(checkpointId));
    const operators: (readonly OperatorSnapshot[])[] = [];
    for (const [index, chain] of frozen.entries()) {
      const written = await chain.write(
        this.blobStore,
        `chk-${this.#world.attemptNumber}-${checkpointId}/${index}-`,
      );
      // As JSON, which it is between processes.
      operators.push(JSON.parse(JSON.stringify(written.operators)) as readonly OperatorSnapshot[]);
    }
    for (const chain of this.chains) chain.checkpointCompleted(checkpointId);
    return { checkpointId, watermarkMs: this.#world.watermarkMs, nowMs: this.#world.nowMs, operators };
  }

  async close(): Promise<void> {
    await this.#producer.close();
    for (const chain of this.chains) await chain.close();
  }

  /** Hands over what waits in the channels between producer and operators. */
  #deliver(): void {
    for (const builder of this.#world.builders) builder.flushAll();
    for (const { input, channel, batch } of this.#world.inFlight.splice(0)) {
      // As bytes, which it is between threads and processes.
      const chain = this.chains[channel];
      if (chain !== undefined)
        this.#untilDone(chain, chain.processBatch(input, decodeBatchV1(encodeBatchV1(batch)), 0));
    }
  }
}
