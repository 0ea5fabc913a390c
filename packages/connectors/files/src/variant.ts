// Files that hold records of several kinds, each in an object of its own: an option of the sources that read objects.
import { MillraceError } from '@millrace/api';

/** What a tag may be. */
export type Tag = number | string;

/**
 * Of rows `{ event_type, person, auction, bid }` those whose tag is one value, and of each the object that counts then:
 * `{ tag: 'event_type', is: 2, among: [0, 1, 2], object: 'bid' }`.
 */
export interface VariantOption {
  /** Field that says of which kind a row is: numbers or texts. */
  readonly tag: string;
  /** Its value in the rows that are read; others are left out. */
  readonly is: Tag;
  /** All values that it may have: a row with another one is malformed. */
  readonly among: readonly Tag[];
  /** Field with the object that becomes the record; a row without it is malformed. */
  readonly object: string;
}

/** Returns `variant`. @throws {MillraceError} MR_OPTION_INVALID unless it has all of its fields, and `among` has `is` */
export function checkVariant(variant: VariantOption | undefined): VariantOption | undefined {
  if (variant === undefined) return undefined;
  const { tag, is, among, object } = variant as Partial<VariantOption>;
  if (
    isName(tag) &&
    isName(object) &&
    Array.isArray(among) &&
    among.every(isTag) &&
    among.includes(is as Tag)
  )
    return variant;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    'Cannot use `variant`: write the names of two fields, `tag` and `object`, and numbers or texts: `is`, and `among`, which has it',
    { details: { option: 'variant' } },
  );
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && name !== '';
}

function isTag(tag: unknown): boolean {
  return typeof tag === 'number' || typeof tag === 'string';
}

/** Why a row with this tag is malformed. */
export function unknownTag({ tag, among }: VariantOption, value: unknown): string {
  const text = typeof value === 'bigint' ? `${value}` : (JSON.stringify(value) ?? 'nothing');
  return `cannot use ${text} as its "${tag}": it is one of ${among.map((one) => JSON.stringify(one)).join(', ')}`;
}

/** Why a row with the right tag is malformed. */
export function noObject({ tag, is, object }: VariantOption): string {
  return `its "${tag}" is ${JSON.stringify(is)}, and it has no object "${object}"`;
}
