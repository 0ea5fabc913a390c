import { expect, test } from 'vitest';
import { isSameFunction } from './same-function.ts';

interface Bid {
  readonly bidder: number;
  readonly price: number;
}

const fieldOf = (name: keyof Bid) => (bid: Bid) => bid[name];

test('functions are the same that are written alike and use nothing but the record', () => {
  const pairs: readonly (readonly [(bid: Bid) => unknown, (bid: Bid) => unknown])[] = [
    [(bid) => bid.bidder, (bid) => bid.bidder],
    [({ bidder }) => bidder, ({ bidder }) => bidder],
    [(bid) => (bid.price < 10 ? bid.bidder : null), (bid) => (bid.price < 10 ? bid.bidder : null)],
  ];
  for (const [a, b] of pairs) expect(isSameFunction(a, b), String(a)).toBe(true);
});

test('functions differ that read different fields, or something from outside', () => {
  const outside = { bidder: 1 };
  const pairs: readonly (readonly [(bid: Bid) => unknown, (bid: Bid) => unknown])[] = [
    [(bid) => bid.bidder, (bid) => bid.price],
    [fieldOf('bidder'), fieldOf('price')],
    [() => outside.bidder, () => outside.bidder],
    [(bid) => String(bid.bidder), (bid) => String(bid.bidder)],
    [(bid: Bid, by = outside.bidder) => bid.bidder + by, (bid: Bid, by = outside.bidder) => bid.bidder + by],
  ];
  for (const [a, b] of pairs) expect(isSameFunction(a, b), String(a)).toBe(false);
});

test('a function is itself, whatever it does', () => {
  const any = fieldOf('bidder');
  expect(isSameFunction(any, any)).toBe(true);
});
