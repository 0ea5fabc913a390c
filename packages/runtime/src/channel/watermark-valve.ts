// [HOT] One watermark out of many: the least over the channels that are active. Source: Flink's StatusWatermarkValve.

const ChannelStatus = { Active: 0, Idle: 1, Finished: 2 } as const;
type ChannelStatus = (typeof ChannelStatus)[keyof typeof ChannelStatus];

/**
 * Combines the watermarks of an input gate.
 * Contract: what it gives never decreases. An idle channel does not hold it back; when all that have not finished are
 * idle, so is the gate, and its watermark stays. A channel that wakes up behind the gate holds it until it caught up.
 * Units: ms since the epoch; -Infinity before the first. Threading: one thread.
 */
export class WatermarkValve {
  readonly #watermarksMs: Float64Array;
  readonly #statuses: ChannelStatus[];
  readonly #splitIds: string[];
  #currentMs: number;
  #holdingChannel = -1;
  #isIdle = false;
  #activeCount: number;
  #finishedCount = 0;

  /** `startMs`: nothing at or below it is given again. */
  constructor(channelCount: number, startMs = -Infinity) {
    this.#watermarksMs = new Float64Array(channelCount).fill(-Infinity);
    this.#statuses = Array.from({ length: channelCount }, () => ChannelStatus.Active);
    this.#splitIds = Array.from({ length: channelCount }, () => '');
    this.#activeCount = channelCount;
    this.#currentMs = startMs;
  }

  get currentMs(): number {
    return this.#currentMs;
  }

  /** The source's split that holds back the channel that holds back the gate; '': not known, as before the channel's first watermark. */
  get holdingSplitId(): string {
    return this.#splitIds[this.#holdingChannel] ?? '';
  }

  /** All channels that have not finished are idle. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  get isFinished(): boolean {
    return this.#finishedCount === this.#statuses.length;
  }

  /** Returns true when the gate's watermark advanced. */
  onWatermark(channelIndex: number, timestampMs: number, splitId = ''): boolean {
    if (!(timestampMs > (this.#watermarksMs[channelIndex] ?? Infinity))) return false;
    this.#watermarksMs[channelIndex] = timestampMs;
    this.#splitIds[channelIndex] = splitId;
    return this.#advance();
  }

  /** Returns true when the gate's watermark advanced; look at `isIdle` too. */
  onStatus(channelIndex: number, isIdle: boolean): boolean {
    return this.#setStatus(channelIndex, isIdle ? ChannelStatus.Idle : ChannelStatus.Active);
  }

  /** Returns true when the gate's watermark advanced; look at `isFinished` too. */
  onEndOfInput(channelIndex: number): boolean {
    return this.#setStatus(channelIndex, ChannelStatus.Finished);
  }

  #setStatus(channelIndex: number, status: ChannelStatus): boolean {
    const before = this.#statuses[channelIndex];
    if (before === undefined || before === status || before === ChannelStatus.Finished) return false;
    this.#statuses[channelIndex] = status;
    if (before === ChannelStatus.Active) this.#activeCount--;
    if (status === ChannelStatus.Active) this.#activeCount++;
    if (status === ChannelStatus.Finished) this.#finishedCount++;
    this.#isIdle = this.#activeCount === 0 && this.#finishedCount < this.#statuses.length;
    return this.#advance();
  }

  #advance(): boolean {
    if (this.#activeCount === 0) return false;
    let least = Infinity;
    for (let index = 0; index < this.#statuses.length; index++) {
      if (this.#statuses[index] !== ChannelStatus.Active) continue;
      const watermarkMs = this.#watermarksMs[index] ?? -Infinity;
      if (watermarkMs >= least) continue;
      least = watermarkMs;
      this.#holdingChannel = index;
    }
    if (!(least > this.#currentMs)) return false;
    this.#currentMs = least;
    return true;
  }
}
