import { expect, test } from 'vitest';
import { RecentStores } from './recent-stores.ts';

test('Stores that are asked for again and again stay, however many jobs come by, and no more of others are kept than fit', () => {
  let made = 0;
  const stores = new RecentStores((jobId) => ({ jobId, number: made++ }), 3);
  const running = stores.of('running');
  for (let job = 0; job < 100; job++) {
    expect(stores.of(`job-${job}`)).toMatchObject({ jobId: `job-${job}` });
    expect(stores.of('running')).toBe(running);
    expect(stores.size).toBeLessThanOrEqual(3);
  }
  expect(made).toBe(101);
  expect(stores.of('job-99').number).toBe(100);
  expect(stores.of('job-0').number).toBe(101);
});
