// What must hold on every channel between slots: event time does not go back, and no more batches are under way than the
// consumer has given credit for.
import { decodeFrameV1, FRAME_HEADER_BYTES, StreamElementKind, type FrameHeader } from '@millrace/proto';

const FRAME_KIND_AT = 3;
/** Batches that a consumer takes without having been asked, at most: what is configured unless a run changes it. */
const CREDITS_DEFAULT = 8;

interface Channel {
  watermarkMs: number;
  batches: number;
  creditsReturned: number;
}

/** Sees each frame when it is sent. */
export class ChannelInvariants {
  readonly #creditsAtFirst: number;
  readonly #violated: (what: string) => void;
  readonly #channels = new Map<string, Channel>();

  constructor(creditsAtFirst: number | undefined, violated: (what: string) => void) {
    this.#creditsAtFirst = creditsAtFirst ?? CREDITS_DEFAULT;
    this.#violated = violated;
  }

  onFrame(linkId: number, frame: Uint8Array): void {
    const kind = frame[FRAME_KIND_AT];
    const isOfInterest =
      kind === StreamElementKind.Watermark ||
      kind === StreamElementKind.Batch ||
      kind === StreamElementKind.Credit;
    if (!isOfInterest || frame.length < FRAME_HEADER_BYTES) return;
    const { header, element } = decodeFrameV1(frame);
    const name = `${linkId}/${nameOf(header)}`;
    const channel = this.#channels.get(name) ?? { watermarkMs: -Infinity, batches: 0, creditsReturned: 0 };
    this.#channels.set(name, channel);
    if (element.kind === StreamElementKind.Credit) channel.creditsReturned += element.count;
    else if (element.kind === StreamElementKind.Watermark)
      this.#onWatermark(name, channel, element.timestampMs);
    else this.#onBatch(name, channel);
  }

  #onWatermark(name: string, channel: Channel, timestampMs: number): void {
    if (timestampMs < channel.watermarkMs)
      this.#violated(
        `the watermark of channel ${name} goes back from ${channel.watermarkMs} to ${timestampMs}`,
      );
    channel.watermarkMs = timestampMs;
  }

  #onBatch(name: string, channel: Channel): void {
    channel.batches++;
    const credits = this.#creditsAtFirst + channel.creditsReturned;
    if (channel.batches > credits)
      this.#violated(`channel ${name} has sent ${channel.batches} batches with ${credits} credits`);
  }
}

function nameOf({ producerAttempt, edgeId, producerSubtask, consumerSubtask }: FrameHeader): string {
  return `${producerAttempt}/${edgeId}/${producerSubtask}/${consumerSubtask}`;
}
