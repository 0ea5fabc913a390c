// Draws tables of random jobs, and what is done with them.
import type { Prng } from '@millrace/common';
import type { Ref, StreamFacts } from './job-spec.ts';
import type { TableJoin, TableMaking, TableStep } from './tables.ts';

/** What is known of a table when its job is drawn. */
export interface OpenTable {
  readonly ref: Ref;
  readonly isBounded: boolean;
  readonly depth: number;
  /** No more than a few rows a key: it may be the right side of a join. */
  readonly isNarrow: boolean;
  /** No two rows have the same origin. */
  readonly hasUniqueOrigins: boolean;
  /** Nothing reads it yet. */
  isOpen: boolean;
}

type Shape = Pick<OpenTable, 'isNarrow' | 'hasUniqueOrigins'>;

const LIMITS = [1, 2, 3] as const;

/** `isStraight`: what follows has as many subtasks, and each gets its records from one. */
export function drawMaking(prng: Prng, from: StreamFacts, isStraight: boolean): TableMaking {
  const choice = prng.below(10);
  if (choice < 4 && from.isOrdered && isStraight) return { how: 'upserts' };
  if (choice < 5) return { how: 'rows' };
  if (choice < 6 && from.isTimed) return { how: 'latest' };
  if (choice < 8) return { how: 'counts', batchSize: pick(prng, 0, 0, 3) };
  return { how: 'topN', limit: pick(prng, ...LIMITS), isRanked: prng.next() < 0.5 };
}

export function shapeOf({ how }: TableMaking): Shape {
  return {
    isNarrow: how !== 'rows' && how !== 'upserts',
    hasUniqueOrigins: how !== 'rows' && how !== 'topN',
  };
}

/** `isShallow`: it may have a state of its own. */
export function drawTableStep(prng: Prng, isShallow: boolean): TableStep {
  switch (prng.below(isShallow ? 10 : 4)) {
    case 0:
      return { how: 'map', add: prng.below(100) };
    case 1:
      return { how: 'filter', modulus: pick(prng, 2, 3, 7) };
    case 2:
      return { how: 'flatMap', copies: pick(prng, 1, 2, 3) };
    case 3:
      return { how: 'rekey', keyCount: pick(prng, 1, 2, 6) };
    case 4:
    case 5:
    case 6:
      return { how: 'aggregate', batchSize: pick(prng, 0, 0, 3) };
    case 7:
    case 8:
      return { how: 'topN', limit: pick(prng, ...LIMITS), isRanked: prng.next() < 0.5 };
    default:
      return { how: 'distinct', modulus: pick(prng, 2, 5) };
  }
}

export function isStateful({ how }: TableStep): boolean {
  return how === 'aggregate' || how === 'topN' || how === 'distinct';
}

export function shapeBehind({ how }: TableStep, from: Shape): Shape {
  switch (how) {
    case 'aggregate':
      return { isNarrow: true, hasUniqueOrigins: true };
    case 'topN':
      return { isNarrow: true, hasUniqueOrigins: from.hasUniqueOrigins };
    case 'distinct':
      return { isNarrow: true, hasUniqueOrigins: false };
    case 'flatMap':
    case 'rekey':
      return { ...from, isNarrow: false };
    default:
      return from;
  }
}

export function drawTableJoin(prng: Prng, [left, right]: readonly [Shape, Shape]): TableJoin {
  return {
    joinType: pick(prng, 'inner', 'inner', 'left', 'right', 'full', 'semi', 'anti'),
    isLeftUnique: left.hasUniqueOrigins && prng.next() < 0.5,
    isRightUnique: right.hasUniqueOrigins && prng.next() < 0.5,
  };
}

function pick<T>(prng: Prng, ...choices: readonly [T, ...T[]]): T {
  return choices[prng.below(choices.length)] ?? choices[0];
}
