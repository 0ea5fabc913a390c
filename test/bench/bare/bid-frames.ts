// Bids in frames of a fixed layout, as a program that knows nothing else would write and read them.
/*
 * Frame  => Bid*                                          at most 64 KiB, all texts Latin-1
 *   Bid  => auction bidder price dateTime (FLOAT64) lengths (3 UINT16) channel url extra
 */
import type { Bid } from '../bid-batches.ts';

/** Methods that Node's types leave out. */
interface Latin1Buffer extends Buffer<ArrayBuffer> {
  latin1Write(text: string, offset: number): number;
  latin1Slice(from: number, to: number): string;
}

const FRAME_BYTES = 64 * 1024;
const NUMBERS_BYTES = 32;
const HEAD_BYTES = NUMBERS_BYTES + 6;

/** Writes bids one after the other; hands over each full frame, which is overwritten behind that. */
export class FrameWriter {
  readonly #onFrame: (frame: Buffer) => void;
  readonly #frame = Buffer.alloc(FRAME_BYTES) as Latin1Buffer;
  readonly #view = new DataView(this.#frame.buffer);
  #end = 0;

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  put({ auction, bidder, price, dateTime, channel, url, extra }: Bid): void {
    const textBytes = channel.length + url.length + extra.length;
    if (this.#end + HEAD_BYTES + textBytes > FRAME_BYTES) this.flush();
    const view = this.#view;
    const frame = this.#frame;
    let at = this.#end;
    view.setFloat64(at, auction, true);
    view.setFloat64(at + 8, bidder, true);
    view.setFloat64(at + 16, price, true);
    view.setFloat64(at + 24, dateTime, true);
    view.setUint16(at + 32, channel.length, true);
    view.setUint16(at + 34, url.length, true);
    view.setUint16(at + 36, extra.length, true);
    at += HEAD_BYTES;
    frame.latin1Write(channel, at);
    at += channel.length;
    frame.latin1Write(url, at);
    at += url.length;
    frame.latin1Write(extra, at);
    this.#end = at + extra.length;
  }

  flush(): void {
    if (this.#end === 0) return;
    this.#onFrame(this.#frame.subarray(0, this.#end));
    this.#end = 0;
  }
}

/** Makes each bid, of texts that are pieces of one text a frame; returns the sum of what `take` gives. */
export function readFrame(frame: Buffer, take: (bid: Bid) => number): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const text = (frame as Latin1Buffer).latin1Slice(0, frame.byteLength);
  let sum = 0;
  for (let at = 0; at < frame.byteLength;) {
    const channelEnd = at + HEAD_BYTES + view.getUint16(at + 32, true);
    const urlEnd = channelEnd + view.getUint16(at + 34, true);
    const extraEnd = urlEnd + view.getUint16(at + 36, true);
    sum += take({
      auction: view.getFloat64(at, true),
      bidder: view.getFloat64(at + 8, true),
      price: view.getFloat64(at + 16, true),
      dateTime: view.getFloat64(at + 24, true),
      channel: text.substring(at + HEAD_BYTES, channelEnd),
      url: text.substring(channelEnd, urlEnd),
      extra: text.substring(urlEnd, extraEnd),
    });
    at = extraEnd;
  }
  return sum;
}

/** Reads two numbers of each bid and skips the rest; returns their sum. */
export function readNumbers(frame: Buffer): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let sum = 0;
  for (let at = 0; at < frame.byteLength;) {
    sum += view.getFloat64(at, true) + view.getFloat64(at + 16, true);
    at +=
      HEAD_BYTES +
      view.getUint16(at + 32, true) +
      view.getUint16(at + 34, true) +
      view.getUint16(at + 36, true);
  }
  return sum;
}
