import { ByteSink } from '@millrace/proto';
import { describe, expect, test } from 'vitest';
import { forEachLogEntry, readLogEntry, SpillLog, type LogSpan } from './spill-log.ts';

/** Where a store key's tag is. */
const TAG = 0x53;

function keyOfBytes(bytes: Uint8Array): ByteSink {
  const key = new ByteSink();
  key.u8(TAG);
  key.raw(bytes);
  return key;
}

/** As store keys are, of one key group. */
function keyOfText(text: string): ByteSink {
  return keyOfBytes(Buffer.from(text));
}

/** A log of at most `bytesMax`, and what it handed over as `key=value` or `key deleted`. */
function openLog(bytesMax: number) {
  const aged: string[] = [];
  const releases: (() => void)[] = [];
  const log = new SpillLog(
    { bytesMax, firstKeyGroup: 0, keyGroupCount: 1, hashOf: () => 7 },
    {
      entry(_hash, bytes, keyStart, valueStart, end) {
        const key = bytes.toString('latin1', keyStart, valueStart);
        aged.push(
          end === valueStart ? `${key} deleted` : `${key}=${bytes.toString('latin1', valueStart, end)}`,
        );
      },
      end: (release) => void releases.push(release),
    },
  );
  /** All that was handed over is in the store. */
  const release = () => {
    for (const call of releases.splice(0)) call();
  };
  /** All keys have one hash: the log must tell them apart. */
  const put = (key: string, value: string) => {
    log.begin(7, keyOfText(key));
    log.sink.latin1(value);
    log.end();
  };
  const remove = (key: string) => {
    log.begin(7, keyOfText(key));
    log.end();
  };
  const get = (key: string, valueLength: number) => {
    const found = log.find(7, keyOfText(key));
    if (found <= 0) return found;
    return log.foundBytes.toString('latin1', log.foundStart, log.foundStart + valueLength);
  };
  return { log, aged, release, put, remove, get };
}

function textOf(spans: readonly LogSpan[]): string[] {
  const entries: string[] = [];
  for (const span of spans) {
    forEachLogEntry(span, (start) => {
      const { key, value } = readLogEntry(span, start);
      entries.push(`${key.toString('latin1', 1)}=${value?.toString() ?? ''}`);
    });
  }
  return entries;
}

describe('A spill log', () => {
  test('finds the newest value of each key, and what was deleted', () => {
    const { put, remove, get } = openLog(10_000);
    put('a', 'one');
    put('b', 'two');
    put('a', 'three');
    remove('b');
    expect([get('a', 5), get('b', 3), get('c', 3)]).toEqual(['three', 0, -1]);
    put('b', 'back');
    expect(get('b', 4)).toBe('back');
  });

  test('writes a value over an older one of the same length', () => {
    const { log, put, get } = openLog(10_000);
    put('a', 'one');
    put('a', 'two');
    expect(textOf(log.hold())).toEqual(['a=two']);
    expect(get('a', 3)).toBe('two');
  });

  test.each([0, 1, 254, 255, 70_000])(
    'has keys of %i bytes, and values that are short and long',
    (keyBytes) => {
      const { log, aged, release, put, remove, get } = openLog(1_000_000);
      const key = 'k'.repeat(keyBytes);
      const lengths = [1, 254, 255, 256, 255, 65_535, 65_536, 300];
      for (const [index, length] of lengths.entries()) {
        put(key, String(index).repeat(length));
        put('other', 'value');
        expect(get(key, length)).toBe(String(index).repeat(length));
        expect(textOf(log.hold())).toContain(`${key}=${String(index).repeat(length)}`);
      }
      remove(key);
      expect(get(key, 1)).toBe(0);
      put(key, 'x'.repeat(65_535));
      put('last', 'y'.repeat(1_000_000));
      expect(aged).toContain(`${key}=${'x'.repeat(65_535)}`);
      release();
      expect(get(key, 1)).toBe(-1);
    },
  );

  test('leaves what was held as it was', () => {
    const { log, put, get } = openLog(10_000);
    put('a', 'one');
    const held = log.hold();
    put('a', 'two');
    put('b', 'new');
    put('a', 'six');
    expect(textOf(held)).toEqual(['a=one']);
    expect(get('a', 3)).toBe('six');
    expect(textOf(log.hold())).toEqual(['a=six', 'b=new']);
  });

  test('forgets an entry that was begun and not ended', () => {
    const { log, put, get } = openLog(10_000);
    put('a', 'one');
    log.begin(7, keyOfText('a'));
    log.sink.latin1('half');
    put('b', 'two');
    expect([get('a', 3), get('b', 3)]).toEqual(['one', 'two']);
    expect(textOf(log.hold())).toEqual(['a=one', 'b=two']);
  });

  test('hands over the newest entry of each key, oldest keys first, and finds it until it is released', () => {
    const { log, aged, release, put, remove, get } = openLog(0);
    put('a', 'one');
    put('a', 'longer');
    remove('b');
    put('c', 'x'.repeat(64));
    expect(aged).toEqual(['a=longer', 'b deleted', `c=${'x'.repeat(64)}`]);
    expect([get('a', 6), get('b', 1), get('c', 64)]).toEqual(['longer', 0, 'x'.repeat(64)]);
    expect(textOf(log.hold())).toEqual(['a=one', 'a=longer', 'b=', `c=${'x'.repeat(64)}`]);
    release();
    expect([get('a', 6), get('b', 1), get('c', 64)]).toEqual([-1, -1, -1]);
    expect(textOf(log.hold())).toEqual([]);
    put('a', 'anew');
    expect(get('a', 4)).toBe('anew');
  });

  test('keeps what changes while its older value is on its way', () => {
    const { log, aged, release, put, get } = openLog(0);
    put('a', 'x'.repeat(64));
    const held = log.hold();
    put('a', 'y'.repeat(32));
    release();
    expect(get('a', 32)).toBe('y'.repeat(32));
    put('a', 'z'.repeat(32));
    put('b', 'x'.repeat(64));
    put('b', 'y'.repeat(64));
    expect(aged).toEqual([
      `a=${'x'.repeat(64)}`,
      `a=${'z'.repeat(32)}`,
      `b=${'x'.repeat(64)}`,
      `b=${'y'.repeat(64)}`,
    ]);
    expect(textOf(held)).toEqual([`a=${'x'.repeat(64)}`]);
    release();
    expect([get('a', 32), get('b', 64)]).toEqual([-1, -1]);
  });

  test('hands over all of a range of key groups before anything of the next', () => {
    const groups: number[] = [];
    const log = new SpillLog(
      {
        bytesMax: 20_000,
        firstKeyGroup: 100,
        keyGroupCount: 32,
        hashOf: (bytes, start) => bytes.readUInt32BE(start + 3),
      },
      {
        entry: (_hash, bytes, keyStart) => void groups.push(bytes.readUInt16BE(keyStart)),
        end: (release) => release(),
      },
    );
    const KEY_COUNT = 4000;
    const keyOf = (index: number) => {
      const key = Buffer.alloc(6);
      key.writeUInt16BE(100 + ((index * 7) % 32), 0);
      key.writeUInt32BE(index, 2);
      return keyOfBytes(key);
    };
    for (let index = 0; index < KEY_COUNT; index++) {
      log.begin(index, keyOf(index));
      log.sink.u32(index);
      log.end();
      expect(log.bytes).toBeLessThan(60_000);
    }
    const ranges = groups.map((group) => Math.floor((group - 100) / 2));
    const turns = ranges.filter((range, index) => index === 0 || ranges[index - 1] !== range);
    expect(turns.length).toBeGreaterThan(16);
    expect(turns).toEqual(turns.map((_, turn) => turn % 16));
    expect(ranges.length / turns.length).toBeGreaterThan(10);
    let here = 0;
    for (let index = 0; index < KEY_COUNT; index++) if (log.find(index, keyOf(index)) === 1) here++;
    expect(here + groups.length).toBe(KEY_COUNT);
  });

  test('has room for a range that alone is written to, whatever the others have, and for large values', () => {
    const log = new SpillLog(
      {
        bytesMax: 400_000,
        firstKeyGroup: 0,
        keyGroupCount: 64,
        hashOf: (bytes, start) => bytes.readUIntBE(start + 3, 3),
      },
      { entry: () => undefined, end: (release) => release() },
    );
    const keyOf = (index: number, keyGroup: number) =>
      keyOfBytes(Uint8Array.of(0, keyGroup, index >>> 16, index >>> 8, index));
    const put = (index: number, keyGroup: number) => {
      log.begin(index, keyOf(index, keyGroup));
      for (let left = 125; left > 0; left--) log.sink.f64(index);
      log.end();
    };
    for (let index = 0; index < 1007; index++) put(index, index % 64);
    const hotIndexes = Array.from({ length: 3000 }, (_, index) => 10_000 + index);
    for (const index of hotIndexes) put(index, 20);
    const here = hotIndexes.filter((index) => log.find(index, keyOf(index, 20)) === 1);
    expect((here.length * 1015) / 400_000).toBeGreaterThan(0.75);
    expect(here).toEqual(hotIndexes.slice(-here.length));
  });

  test('keeps at most its bytes, of values larger than a segment too', () => {
    const { log, put, get, aged, release } = openLog(100_000);
    for (let index = 0; index < 5000; index++) put(`key ${index}`, 'v'.repeat(100));
    put('large', 'v'.repeat(300_000));
    for (let index = 0; index < 50; index++) put(`more ${index}`, 'v'.repeat(100));
    release();
    expect(log.bytes).toBeLessThan(250_000);
    expect(get('large', 1)).toBe(-1);
    expect(get('more 49', 1)).toBe('v');
    expect(new Set(aged).size).toBe(aged.length);
  });
});
