// Makes the example's data: payments of six hours, out of order by up to a minute. The same each time.
import { writeFileSync } from 'node:fs';

const START = Date.UTC(2026, 2, 1);
const CARDS = 40;
const PAYMENTS = 600;
const MINUTE_MS = 60_000;

let seed = 7;
/** Mulberry32: uniform in [0, 1). */
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

const payments = [];
const pay = (card, amount, at) =>
  payments.push({ card: `card-${card}`, amount: Math.round(amount * 100) / 100, at: Math.floor(at) });
for (let number = 0; number < PAYMENTS; number++)
  pay(Math.floor(random() * CARDS), 5 + random() * 300, START + random() * 360 * MINUTE_MS);
// Some cards are stolen: a small payment, others in between, and often a large one, in time or not.
for (let number = 0; number < 25; number++) {
  const card = Math.floor(random() * CARDS);
  const at = START + random() * 340 * MINUTE_MS;
  pay(card, 0.1 + random() * 0.8, at);
  if (random() < 0.4) pay(card, 20 + random() * 50, at + random() * 2 * MINUTE_MS);
  if (random() < 0.7) pay(card, 600 + random() * 900, at + (1 + random() * 13) * MINUTE_MS);
}
const lines = payments
  .sort((a, b) => a.at - b.at)
  .map((payment, index) => ({ id: `p${index}`, ...payment }))
  .map((payment) => ({ payment, arrivedAt: payment.at + random() * MINUTE_MS }))
  .sort((a, b) => a.arrivedAt - b.arrivedAt)
  .map(({ payment }) => `${JSON.stringify(payment)}\n`);
writeFileSync(new URL('data/payments.jsonl', import.meta.url), lines.join(''));
