// Uids for operators that the user gave none.
import { hashString } from '@millrace/common';
import type { Transformation } from './transformation.ts';

/**
 * Returns the uid of each transformation, by id.
 * A derived uid is a hash of the operator's kind, its name (as given, else that of its source or sink), the uids that it
 * reads, and its place among those equal in all of this. So it stays the same when an operator is added that it does not
 * read from, and begins anew behind an explicit uid.
 */
export function assignUids(transformations: readonly Transformation[]): readonly string[] {
  const uids: string[] = [];
  const equalCount = new Map<string, number>();
  for (const transformation of transformations) {
    const signature = signatureOf(transformation, uids);
    const ordinal = equalCount.get(signature) ?? 0;
    equalCount.set(signature, ordinal + 1);
    uids.push(transformation.uid ?? `${transformation.operator.kind}-${hash64(`${ordinal}\n${signature}`)}`);
  }
  return uids;
}

function signatureOf(transformation: Transformation, uids: readonly string[]): string {
  const { operator, inputs } = transformation;
  const inputUids = inputs.map((input) => `${uids[input.from.id]}/${input.sideOutput ?? ''}`);
  return JSON.stringify([operator.kind, transformation.name ?? connectorName(transformation), inputUids]);
}

function connectorName({ operator }: Transformation): string {
  switch (operator.kind) {
    case 'source':
      return operator.source.name;
    case 'sink':
      return operator.sink.name;
    case 'staticJoin':
      return operator.table.name;
    default:
      return '';
  }
}

function hash64(text: string): string {
  return [`a${text}`, `b${text}`]
    .map((salted) => (hashString(salted) >>> 0).toString(16).padStart(8, '0'))
    .join('');
}
