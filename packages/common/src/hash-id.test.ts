import { expect, test } from 'vitest';
import { hashId } from './hash-id.ts';

test('hashId gives the same 32 hex characters for the same text for ever', () => {
  expect(hashId('vertex/source')).toBe('43a6bcf33732f815603d080603e50b41');
  expect(hashId('')).toBe('5afae30d0d9933f7203a65f7c38d8066');
});

test('hashId keeps 20,000 similar texts apart', () => {
  const ids = new Set(Array.from({ length: 20_000 }, (_, index) => hashId(`vertex/map-${index}`)));
  expect(ids.size).toBe(20_000);
});
