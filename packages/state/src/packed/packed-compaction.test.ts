// Columns whose garbage is collected, which takes more of them than the other tests write.
import { ByteReader, ByteSink } from '@millrace/proto';
import { Prng } from '@millrace/common';
import { expect, test } from 'vitest';
import { readValueAt } from '../cell/value-bytes.ts';
import { PackedCells, type FrozenCells } from './packed-cells.ts';

const ROWS = 400;
const STEPS = 12_000;

const text = (length: number) => 'a longer text '.repeat(Math.ceil(length / 14)).slice(0, length);

/** What is written at a step: mostly some hundred bytes to some ten thousand, seldom more than a segment. */
function valueAt(step: number, size: number) {
  return { step, name: (step % 7 === 0 ? 'ü€' : '') + text(size) };
}

type Written = readonly [step: number, size: number] | undefined;

function expectRows(frozen: FrozenCells, model: readonly Written[]): void {
  const sink = new ByteSink();
  const ends = new Uint32Array(ROWS);
  frozen.writeRows(sink, 0, ends);
  for (const [row, written] of model.entries()) {
    const from = row === 0 ? 0 : (ends[row - 1] as number);
    const value = readValueAt(new ByteReader(sink.view().subarray(from, ends[row])));
    expect(value).toEqual(written === undefined ? undefined : valueAt(...written));
  }
}

test('garbage is collected while snapshots are held', () => {
  const random = new Prng(1);
  const cells = new PackedCells();
  cells.grow(ROWS);
  const model: Written[] = Array.from({ length: ROWS }, () => undefined);
  const held: { readonly frozen: FrozenCells; readonly model: readonly Written[] }[] = [];
  for (let step = 0; step < STEPS; step++) {
    const row = random.below(ROWS);
    const kind = random.below(1000);
    if (kind < 100) {
      cells.clear(row);
      model[row] = undefined;
    } else if (kind < 103 && held.length < 3) {
      held.push({ frozen: cells.freeze(ROWS), model: [...model] });
    } else if (kind < 106) {
      const oldest = held.shift();
      if (oldest === undefined) continue;
      expectRows(oldest.frozen, oldest.model);
      oldest.frozen.release();
    } else if (row % 4 !== 0 || model[row] === undefined) {
      const size = kind < 109 ? 900_000 + random.below(600_000) : random.below(100) * random.below(200);
      cells.set(row, valueAt(step, size));
      model[row] = [step, size];
    }
  }
  for (const [row, written] of model.entries())
    expect(cells.get(row)).toEqual(written === undefined ? undefined : valueAt(...written));
  for (const { frozen, model: then } of held) expectRows(frozen, then);
});

test('a value that is larger than a segment comes when garbage is collected', () => {
  const cells = new PackedCells();
  cells.grow(12_000);
  for (let row = 1; row < 12_000; row++) cells.set(row, { row, name: text(1_000) });
  for (let row = 1; row < 12_000; row++) if (row % 10 !== 0) cells.clear(row);
  const large = { row: 0, name: text(1_500_000) };
  cells.set(0, large);
  expect(cells.get(0)).toEqual(large);
  for (let row = 10; row < 12_000; row += 10) expect(cells.get(row)).toEqual({ row, name: text(1_000) });
  expect(cells.bytes).toBeLessThan(8 * 1024 * 1024);
});
