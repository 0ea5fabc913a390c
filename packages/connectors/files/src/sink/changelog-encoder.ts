// JSON lines of changes: `{"op":"+U","row":{…}}`.
import { changeSymbol, type Change, type RecordEncoder } from '@millrace/api';
import { jsonEncoder } from './json-encoder.ts';

/** Returns an encoder of changes. Threading: one thread. */
export function changelogEncoder(): RecordEncoder<Change<unknown>> {
  const lines = jsonEncoder<object>();
  const lineOf = ({ kind, row }: Change<unknown>): object => ({ op: changeSymbol(kind), row });
  return {
    fileHeader: () => undefined,
    encode: (change, target, at) => lines.encode(lineOf(change), target, at),
    encodeAlone: (change) => lines.encodeAlone(lineOf(change)),
  };
}
