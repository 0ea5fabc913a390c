import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isMillraceError, MillraceError, toWireError, type WireError } from '@millrace/common';
import type { LinkEvents } from './link.ts';
import {
  announcementOf,
  closeEntry,
  entryBytes,
  followingMessageV1,
  FOLLOWING_FRAME_BYTES_MIN,
  frameEntry,
  linkMessageV1,
  LinkMessageReaderV1,
  PING_ENTRY,
  PONG_ENTRY,
  subscribeEntry,
  type LinkEntry,
  type LinkMessageV1,
  type LinkSigns,
} from './link-message-v1.ts';

type Word =
  | readonly ['subscribe', number, string]
  | readonly ['frame', number, readonly number[]]
  | readonly ['close', number, string | undefined]
  | readonly ['ping']
  | readonly ['pong'];

function recorder(): { readonly words: Word[]; readonly events: LinkEvents; readonly signs: LinkSigns } {
  const words: Word[] = [];
  return {
    words,
    events: {
      onSubscribe: (id, key) => words.push(['subscribe', id, key]),
      onFrame: (id, frame) => {
        expect(frame.byteOffset % 8).toBe(0);
        words.push(['frame', id, [...frame]]);
      },
      onChannelClosed: (id, error) => words.push(['close', id, error?.message]),
      onLinkClosed: () => undefined,
    },
    signs: {
      onPing: () => words.push(['ping']),
      onPong: () => words.push(['pong']),
      onFrameAnnounced: () => undefined,
    },
  };
}

const channelId = fc.integer({ min: 0, max: 0xffffffff });
const failure: WireError = toWireError(new MillraceError('MR_CHANNEL_CLOSED', 'gone – für immer'));
const word: fc.Arbitrary<Word> = fc.oneof(
  fc.tuple(fc.constant('subscribe' as const), channelId, fc.string({ unit: 'grapheme' })),
  fc.tuple(
    fc.constant('frame' as const),
    channelId,
    fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }),
  ),
  fc.tuple(fc.constant('close' as const), channelId, fc.constantFrom(undefined, failure.message)),
  fc.constantFrom(['ping'] as const, ['pong'] as const),
);

function entryOf(of: Word): LinkEntry {
  if (of[0] === 'subscribe') return subscribeEntry(of[1], of[2]);
  if (of[0] === 'frame') return frameEntry(of[1], Uint8Array.from(of[2]));
  if (of[0] === 'close') return closeEntry(of[1], of[2] === undefined ? undefined : failure);
  return of[0] === 'ping' ? PING_ENTRY : PONG_ENTRY;
}

/** Of a gRPC message, before ours. */
const GRPC_HEADER_BYTES = 5;

/** As it is received: behind the header of gRPC, in a buffer that has nothing else. */
function received(message: LinkMessageV1): Buffer {
  const whole = Buffer.alloc(GRPC_HEADER_BYTES + message.byteLength, 0xff);
  expect(message.copy(whole, GRPC_HEADER_BYTES)).toBe(message.byteLength);
  return whole.subarray(GRPC_HEADER_BYTES);
}

function encode(words: readonly Word[]): Buffer {
  const entries = words.map(entryOf);
  return received(
    linkMessageV1(
      entries,
      entries.reduce((bytes, entry) => bytes + entryBytes(entry), 0),
    ),
  );
}

function outcomeOf(action: () => void): string {
  try {
    action();
    return 'read';
  } catch (error) {
    return isMillraceError(error) ? error.code : String(error);
  }
}

test('LinkMessage v1 gives back what was packed, in order, with frames at multiples of 8', () => {
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), (words) => {
      const { words: got, events, signs } = recorder();
      new LinkMessageReaderV1(events, signs).read(encode(words));
      expect(got).toEqual(words);
    }),
  );
});

test('LinkMessage v1 that was changed or cut gives words or MR_PROTOCOL, never anything else', () => {
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 5 }),
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      fc.nat(),
      (words, at, byte, cut) => {
        const message = encode(words);
        message[at % message.byteLength] = byte;
        const { events, signs } = recorder();
        const reader = new LinkMessageReaderV1({ ...events, onFrame: () => undefined }, signs);
        const outcome = outcomeOf(() => reader.read(message.subarray(0, message.byteLength - (cut % 9))));
        expect(outcome).toMatch(/^(read|MR_PROTOCOL)$/);
      },
    ),
  );
});

test('LinkMessage v1 has the bytes that its grammar says', () => {
  expect(encode([['frame', 7, [1, 2, 3]]]).toString('hex')).toBe(
    '000000' + '02000000070000000300000000000000' + '0102030000000000',
  );
  expect(encode([['subscribe', 1, 'ab']]).toString('hex')).toBe(
    '000000' + '01000000010000000200000000000000' + '6162000000000000',
  );
  expect(encode([['close', 2, undefined]]).toString('hex')).toBe(
    '000000' + '03000000020000000000000000000000',
  );
  expect(encode([['ping'], ['pong']]).toString('hex')).toBe(
    '000000' + '05000000000000000000000000000000' + '06000000000000000000000000000000',
  );
});

test('LinkMessage v1 carries a large frame as a message of its own, behind its announcement', () => {
  const frame = new Uint8Array(FOLLOWING_FRAME_BYTES_MIN).fill(5);
  const announcement = announcementOf(frameEntry(7, frame));
  if (announcement === undefined) throw new Error('not announced');
  const { words, events, signs } = recorder();
  const announced: number[] = [];
  const reader = new LinkMessageReaderV1(events, {
    ...signs,
    onFrameAnnounced: (bytes) => announced.push(bytes),
  });
  const announcing = received(linkMessageV1([announcement], entryBytes(announcement)));
  expect(announcing.toString('hex')).toBe('000000' + '04000000070000000000000000000600');
  reader.read(announcing);
  expect([words, announced]).toEqual([[], [FOLLOWING_FRAME_BYTES_MIN]]);
  reader.read(received(followingMessageV1(frame)));
  expect(words).toEqual([['frame', 7, [...frame]]]);
  expect(announcementOf(frameEntry(7, frame.subarray(1)))).toBeUndefined();
});
