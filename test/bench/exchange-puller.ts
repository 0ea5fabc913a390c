// The consuming end of the exchange benchmark.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { asJobId } from '@millrace/common';
import { realTimers } from '@millrace/common/node';
import type { FrameReceiver } from '@millrace/runtime';
import { ChannelExchange, openGrpcLink } from '@millrace/taskmanager/exchange';
import {
  CHANNELS_MAX,
  channelAddress,
  JOB,
  KIB,
  request,
  TOKEN,
  type PeerAddresses,
} from './exchange-protocol.ts';

/** What is taken at a time. */
export const TURN_BYTES = 128 * KIB * KIB;
/** As the engine's channels do it: so many frames may be under way, and half of that is asked for at a time. */
const CREDITS = 8;
const CREDITS_RETURNED = CREDITS / 2;

export async function startPeer(): Promise<{
  readonly child: ChildProcess;
  readonly addresses: PeerAddresses;
}> {
  const child = fork(fileURLToPath(new URL('./exchange-peer.mjs', import.meta.url)), { execArgv: [] });
  const addresses = await new Promise<PeerAddresses>((resolve, reject) => {
    child.once('message', (message) => resolve(message as PeerAddresses));
    child.once('exit', (code) => reject(new Error(`the producing process ended with ${code}`)));
  });
  return { child, addresses };
}

/** The consuming end of all channels of one link. */
export class Puller {
  readonly #exchange: ChannelExchange;
  readonly #receivers: FrameReceiver[] = [];
  #onFrame: (channel: number) => void = () => undefined;
  #isClosing = false;

  constructor(address: string) {
    const request = { token: TOKEN, jobId: asJobId(JOB), attemptNumber: 1, linkSecret: '' };
    this.#exchange = new ChannelExchange({
      timers: realTimers,
      connect: () => openGrpcLink({ address, request, timers: realTimers }),
    });
    for (let index = 0; index < CHANNELS_MAX; index++) {
      this.#receivers.push(
        this.#exchange.openReceiver(channelAddress(index, address), {
          onFrame: () => this.#onFrame(index),
          onClosed: (error) => {
            if (error !== undefined && !this.#isClosing) throw new Error(error.message);
          },
        }),
      );
    }
  }

  pull(frameBytes: number, channelCount: number): Promise<number> {
    const framesEach = TURN_BYTES / frameBytes / channelCount;
    return new Promise((resolve) => {
      const received = this.#receivers.map(() => 0);
      const asked = this.#receivers.map(() => 0);
      let openCount = channelCount;
      const ask = (channel: number, frames: number): void => {
        const more = Math.min(frames, framesEach - (asked[channel] ?? 0));
        if (more <= 0) return;
        asked[channel] = (asked[channel] ?? 0) + more;
        this.#receivers[channel]?.sendUpstream(request(more, frameBytes));
      };
      this.#onFrame = (channel) => {
        const count = (received[channel] ?? 0) + 1;
        received[channel] = count;
        if (count % CREDITS_RETURNED === 0) ask(channel, CREDITS_RETURNED);
        if (count === framesEach && --openCount === 0) resolve(TURN_BYTES);
      };
      for (let channel = 0; channel < channelCount; channel++) ask(channel, CREDITS);
    });
  }

  close(): void {
    this.#isClosing = true;
    this.#exchange.close();
  }
}
