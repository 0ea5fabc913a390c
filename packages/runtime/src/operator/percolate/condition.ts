// [HOT] Conditions of standing queries, checked and ready to be evaluated on the document at hand.
import { unreachable } from '@millrace/common';
import type { DocumentField, FieldValue } from './document-field.ts';

/** A condition over fields of the index. */
export type Condition =
  | { readonly kind: 'all' }
  /** One of the values. */
  | { readonly kind: 'values'; readonly field: DocumentField; readonly values: readonly FieldValue[] }
  | {
      readonly kind: 'range';
      readonly field: DocumentField;
      readonly low: string | number | undefined;
      readonly isLowOpen: boolean;
      readonly high: string | number | undefined;
      readonly isHighOpen: boolean;
    }
  | { readonly kind: 'prefix'; readonly field: DocumentField; readonly prefix: string }
  | {
      readonly kind: 'words';
      readonly field: DocumentField;
      readonly words: readonly string[];
      readonly isEvery: boolean;
    }
  | { readonly kind: 'exists'; readonly field: DocumentField }
  | {
      readonly kind: 'bool';
      readonly must: readonly Condition[];
      readonly should: readonly Condition[];
      readonly mustNot: readonly Condition[];
      readonly shouldMin: number;
    };

/** Does the document that the fields have loaded fit? */
export function holds(condition: Condition): boolean {
  switch (condition.kind) {
    case 'all':
      return true;
    case 'values':
      return hasValue(condition.field.values, condition.values);
    case 'range':
      return isInRange(condition);
    case 'prefix':
      return hasPrefix(condition.field.values, condition.prefix);
    case 'words':
      return hasWords(condition.field.words, condition.words, condition.isEvery);
    case 'exists':
      return condition.field.values.length > 0;
    case 'bool':
      return boolHolds(condition);
    default:
      return unreachable(condition);
  }
}

function boolHolds({ must, should, mustNot, shouldMin }: Extract<Condition, { kind: 'bool' }>): boolean {
  for (let index = 0; index < must.length; index++) if (!holds(must[index] as Condition)) return false;
  for (let index = 0; index < mustNot.length; index++) if (holds(mustNot[index] as Condition)) return false;
  let held = 0;
  for (let index = 0; held < shouldMin && index < should.length; index++)
    if (holds(should[index] as Condition)) held++;
  return held >= shouldMin;
}

function hasValue(values: readonly FieldValue[], wanted: readonly FieldValue[]): boolean {
  for (let index = 0; index < values.length; index++)
    if (wanted.includes(values[index] as FieldValue)) return true;
  return false;
}

function isInRange(range: Extract<Condition, { kind: 'range' }>): boolean {
  const { values } = range.field;
  const { low, high } = range;
  const kind = typeof (low ?? high);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as string | number;
    if (typeof value !== kind) continue;
    if (low !== undefined && !(range.isLowOpen ? value > low : value >= low)) continue;
    if (high !== undefined && !(range.isHighOpen ? value < high : value <= high)) continue;
    return true;
  }
  return false;
}

function hasPrefix(values: readonly FieldValue[], prefix: string): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value === 'string' && value.startsWith(prefix)) return true;
  }
  return false;
}

function hasWords(words: ReadonlySet<string>, wanted: readonly string[], isEvery: boolean): boolean {
  for (let index = 0; index < wanted.length; index++)
    if (words.has(wanted[index] as string) !== isEvery) return !isEvery;
  return isEvery;
}
