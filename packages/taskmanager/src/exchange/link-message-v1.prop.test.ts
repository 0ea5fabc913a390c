import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isMillraceError, MillraceError, toWireError, type WireError } from '@millrace/common';
import type { LinkEvents } from './link.ts';
import { closeEntry, decodeLinkMessageV1, encodeLinkMessageV1, entryBytes, frameEntry, subscribeEntry, type LinkEntry } from './link-message-v1.ts';

type Word = readonly ['subscribe', number, string] | readonly ['frame', number, readonly number[]] | readonly ['close', number, string | undefined];

function recorder(): { readonly words: Word[]; readonly events: LinkEvents } {
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
  };
}

const channelId = fc.integer({ min: 0, max: 0xffffffff });
const failure: WireError = toWireError(new MillraceError('MR_CHANNEL_CLOSED', 'gone – für immer'));
const word: fc.Arbitrary<Word> = fc.oneof(
  fc.tuple(fc.constant('subscribe' as const), channelId, fc.string({ unit: 'grapheme' })),
  fc.tuple(fc.constant('frame' as const), channelId, fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 })),
  fc.tuple(fc.constant('close' as const), channelId, fc.constantFrom(undefined, failure.message)),
);

function entryOf(of: Word): LinkEntry {
  if (of[0] === 'subscribe') return subscribeEntry(of[1], of[2]);
  if (of[0] === 'frame') return frameEntry(of[1], Uint8Array.from(of[2]));
  return closeEntry(of[1], of[2] === undefined ? undefined : failure);
}

function encode(words: readonly Word[]): Buffer {
  const entries = words.map(entryOf);
  return encodeLinkMessageV1(entries, entries.reduce((bytes, entry) => bytes + entryBytes(entry), 0));
}

test('LinkMessage v1 gives back what was packed, in order, with frames at multiples of 8', () => {
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), (words) => {
      const { words: got, events } = recorder();
      decodeLinkMessageV1(encode(words), events);
      expect(got).toEqual(words);
    }),
  );
});

test('LinkMessage v1 that was changed or cut gives words or MR_PROTOCOL, never anything else', () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat(), (words, at, byte, cut) => {
      const message = encode(words);
      message[at % message.byteLength] = byte;
      try {
        decodeLinkMessageV1(message.subarray(0, message.byteLength - (cut % 9)), { ...recorder().events, onFrame: () => undefined });
      } catch (error) {
        expect(isMillraceError(error) && error.code).toBe('MR_PROTOCOL');
      }
    }),
  );
});

test('LinkMessage v1 has the bytes that its grammar says', () => {
  expect(encode([['frame', 7, [1, 2, 3]]]).toString('hex')).toBe('02000000070000000300000000000000' + '0102030000000000');
  expect(encode([['subscribe', 1, 'ab']]).toString('hex')).toBe('01000000010000000200000000000000' + '6162000000000000');
  expect(encode([['close', 2, undefined]]).toString('hex')).toBe('03000000020000000000000000000000');
});
