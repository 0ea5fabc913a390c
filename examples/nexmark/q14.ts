// Expressions and a function of our own.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';

const HOUR_MS = 3_600_000;

function bidTimeType(timeMs: number): string {
  const hour = Math.floor(timeMs / HOUR_MS) % 24;
  if (hour >= 8 && hour <= 18) return 'dayTime';
  return hour <= 6 || hour >= 20 ? 'nightTime' : 'otherTime';
}

/** 0.908 · price, exact as decimals are. */
const converted = (price: number): number => (908 * price) / 1_000;

function countCharacter(text: string, character: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) count++;
  return count;
}

export default defineJob('nexmark-q14', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .filter(({ price }) => converted(price) > 1_000_000 && converted(price) < 50_000_000)
      .map(({ auction, bidder, price, dateTime, extra }) => ({
        auction,
        bidder,
        price: converted(price),
        bidTimeType: bidTimeType(dateTime),
        dateTime,
        extra,
        c_counts: countCharacter(extra, 'c'),
      })),
  );
});
