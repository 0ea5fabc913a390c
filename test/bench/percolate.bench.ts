// 100,000 standing queries: the whole operator, with its index, against trying every query on every document.
import { mix32 } from '@millrace/common';
import { percolate, type SearchCondition } from '@millrace/api';
import { ChainHarness } from '@millrace/testing';
import { QueryIndex } from '../../packages/runtime/src/operator/percolate/query-index.ts';
import { compare, type Bench } from './compare.ts';

const QUERIES = 100_000;
const DOCUMENTS = 256;
/** Of the slow side, so that a turn takes about a second. */
const DOCUMENTS_TRIED = 16;
const CATEGORIES = 200;
const SELLERS = 20_000;
const WORDS = 10_000;
const PRICE_MAX = 10_000;

function random(seed: number, bound: number): number {
  return (mix32(seed) >>> 0) % bound;
}

interface Listing {
  readonly category: string;
  readonly seller: string;
  readonly price: number;
  readonly title: string;
}

/** A query, as data and as somebody would write it by hand. */
interface Alert {
  readonly query: SearchCondition;
  readonly fits: (listing: Listing, words: ReadonlySet<string>) => boolean;
}

/** A third each: a category and a range of prices; all of two words, below a price; offers of a seller but in one category. */
function alertOf(id: number): Alert {
  const category = `category-${random(id * 4, CATEGORIES)}`;
  const price = random(id * 4 + 1, PRICE_MAX);
  if (id % 3 === 0) {
    return {
      query: {
        bool: { must: [{ term: { category } }, { range: { price: { gte: price, lt: price + 100 } } }] },
      },
      fits: (listing) =>
        listing.category === category && listing.price >= price && listing.price < price + 100,
    };
  }
  if (id % 3 === 1) {
    const [one, two] = [`word${random(id * 4 + 2, WORDS)}`, `word${random(id * 4 + 3, WORDS)}`];
    return {
      query: {
        bool: {
          must: [
            { match: { title: { query: `${one} ${two}`, operator: 'and' } } },
            { range: { price: { lt: price } } },
          ],
        },
      },
      fits: (listing, words) => words.has(one) && words.has(two) && listing.price < price,
    };
  }
  const seller = `seller-${random(id * 4 + 2, SELLERS)}`;
  return {
    query: { bool: { filter: { term: { seller } }, must_not: { term: { category } } } },
    fits: (listing) => listing.seller === seller && listing.category !== category,
  };
}

function listingOf(number: number): Listing {
  const seed = 1_000_000_000 + number * 32;
  const words = Array.from({ length: 12 }, (_, index) => `word${random(seed + 8 + index, WORDS)}`);
  return {
    category: `category-${random(seed, CATEGORIES)}`,
    seller: `seller-${random(seed + 1, SELLERS)}`,
    price: random(seed + 2, PRICE_MAX),
    title: words.join(' '),
  };
}

/** Over both edges: what is no change is ignored by one, what has no fields fits nothing of the other. */
type Either = Partial<Listing> & {
  readonly kind: 'insert' | 'updateBefore';
  readonly row: { readonly id: number; readonly query: SearchCondition };
};

const NO_QUERY = { id: -1, query: { match_all: {} } } as const;

async function openPercolator(alerts: readonly Alert[]): Promise<ChainHarness<Either>> {
  const harness = await ChainHarness.open<Either>({
    operators: (input) => percolate(input, input, { select: (_listing, { id }) => id }),
    parallelism: 1,
    // Generous, so that this is about finding queries, not about state on a disk.
    cacheEntriesMax: QUERIES * 2,
  });
  for (let from = 0; from < alerts.length; from += 1_000) {
    harness.send(
      alerts.slice(from, from + 1_000).map(({ query }, index) => ({
        value: { kind: 'insert', row: { id: from + index, query } },
      })),
    );
  }
  return harness;
}

export const percolateBench: Bench = {
  name: 'percolate',
  run: async () => {
    const alerts = Array.from({ length: QUERIES }, (_, id) => alertOf(id));
    const listings = Array.from({ length: DOCUMENTS }, (_, number) => listingOf(number));
    const documents = listings.map((listing): { value: Either } => ({
      value: { kind: 'updateBefore', row: NO_QUERY, ...listing },
    }));
    const harness = await openPercolator(alerts);
    const byIndex = (): number => {
      harness.emitted.length = 0;
      harness.send(documents);
      return documents.length;
    };
    const index = new QueryIndex();
    for (const [id, { query }] of alerts.entries()) index.put(id, id, query);
    let matchCount = 0;
    const byTryingAll = (): number => {
      matchCount = 0;
      for (const listing of listings.slice(0, DOCUMENTS_TRIED))
        matchCount += index.matchByTryingAll(listing).length;
      return DOCUMENTS_TRIED;
    };
    const byHand = (): number => {
      matchCount = 0;
      for (const listing of listings) {
        const words = new Set(listing.title.split(' '));
        for (const { fits } of alerts) if (fits(listing, words)) matchCount++;
      }
      return listings.length;
    };
    byIndex();
    byHand();
    if (harness.emitted.length !== matchCount)
      throw new Error(`the index finds ${harness.emitted.length} matches, trying all finds ${matchCount}`);
    const common = {
      what: `100,000 standing queries, ${(matchCount / DOCUMENTS).toFixed(1)} matches a document`,
      unit: 'documents/CPU s',
      unitScale: 1,
      clock: 'cpu',
      rounds: 5,
      warmUps: 1,
      ours: byIndex,
    } as const;
    const rows = [
      await compare({ ...common, against: 'trying every query', baseline: byTryingAll, guard: 20 }),
      await compare({ ...common, against: 'every query as code written by hand', baseline: byHand }),
    ];
    await harness.close();
    return rows;
  },
};
