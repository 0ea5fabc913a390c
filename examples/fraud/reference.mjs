// The same answers with plain loops and nothing of Millrace's.
import { readFileSync } from 'node:fs';

const WITHIN_MS = 600_000;

/** What the job writes: `{ alerts, tried }`, for the data in a directory. */
export function computeAlerts(data) {
  const payments = readFileSync(`${data}/payments.jsonl`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .sort((a, b) => a.at - b.at);
  const alerts = [];
  const tried = [];
  for (const card of new Set(payments.map((payment) => payment.card))) {
    const own = payments.filter((payment) => payment.card === card);
    let from = 0;
    for (const [index, small] of own.entries()) {
      if (small.amount >= 1 || index < from) continue;
      const last = own.findIndex(({ amount }, place) => place > index && amount > 500);
      const large = own[last];
      if (large === undefined || large.at - small.at >= WITHIN_MS) {
        tried.push({ card, payment: small.id });
        continue;
      }
      // A match ends every other that began before its last event.
      from = last + 1;
      alerts.push({
        card,
        small: small.id,
        large: large.id,
        amount: large.amount,
        seconds: Math.round((large.at - small.at) / 1000),
      });
    }
  }
  return { alerts, tried };
}
