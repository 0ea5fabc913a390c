// Ids that follow from text. Golden vectors in hash-id.test.ts: a change here would part operators from their state.
import { hashString } from './key-hash.ts';

/**
 * Returns 32 lower-case hex characters that depend on `text` alone: four murmur3 hashes, each behind its own prefix.
 * Not for secrets: it keeps apart what people name, not what an attacker chooses.
 */
export function hashId(text: string): string {
  let id = '';
  for (let lane = 0; lane < 4; lane++)
    id += (hashString(`${lane}/${text.length}/${text}`) >>> 0).toString(16).padStart(8, '0');
  return id;
}
