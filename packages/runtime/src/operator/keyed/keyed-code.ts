// Text that every keyed operator starts with: the key of the record at hand and its hash.
import type { KeyedStateBackend } from '@millrace/state';
import { callKeySelector, emitHash, refusingPromises } from '../../chain/codegen/key-code.ts';
import type { FrozenOperator, StageBody } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';

export interface KeyedLocals {
  readonly key: string;
  readonly hash: string;
  /** For `attempt`. */
  readonly make: (declare: (name: string) => string) => string;
}

/**
 * Declares the key and its hash. A partial row carries its key in `k`; else the edge's key selector is called again,
 * since only the hash travels.
 */
export function emitKey(body: StageBody, setup: OperatorSetup, site: number): KeyedLocals {
  const { unit, inputEdge, record } = body;
  const key = unit.fresh('key');
  const hash = unit.fresh('hash');
  const selector = inputEdge?.keySelector;
  const keyText =
    inputEdge?.isPreAggregated === true
      ? record.field('k')
      : selector === undefined
        ? record.whole()
        : callKeySelector(unit, selector, record);
  // Where failing records are left out, whoever sent this one may have found no key for it.
  const hashText =
    (body.isGuarded ? undefined : body.keyHash) ?? emitHash(unit, key, refusingPromises(setup.sites, site));
  return {
    key,
    hash,
    make: (declare) => `${body.at(site)} ${declare(key)} = ${keyText}; ${declare(hash)} = ${hashText};`,
  };
}

/** Of a final checkpoint, whose restore only commits: what no record will ask for any more is not written. */
const NO_KEYED_STATE: FrozenOperator = {
  write: () => Promise.resolve({ keyedFiles: [], newBytes: 0 }),
};

/** The parts of a ChainOperator that a keyed state backend answers; `onFreeze` is called when the backend's state is frozen. */
export function backendMethods(backend: KeyedStateBackend, onFreeze?: () => void) {
  return {
    prefetch: (keyHashes: Int32Array, from: number, to: number) => backend.prefetch(keyHashes, from, to),
    needsRelief: () => backend.isWriteBehindFull,
    relieve: () => backend.relieve(),
    freeze: (checkpointId: number, isFinal = false): FrozenOperator => {
      if (isFinal) return NO_KEYED_STATE;
      const frozen = backend.freeze(checkpointId);
      onFreeze?.();
      return {
        write: async (blobStore: Parameters<typeof frozen.write>[0], prefix: string) => {
          const { files, newBytes } = await frozen.write(blobStore, prefix);
          return { keyedFiles: files, newBytes };
        },
      };
    },
    checkpointCompleted: (checkpointId: number) => backend.checkpointCompleted(checkpointId),
    checkpointAborted: (checkpointId: number) => backend.checkpointAborted(checkpointId),
    stateEntries: () => backend.entryCount,
    stateBytes: () => backend.stateBytes,
    close: () => backend.close(),
  };
}
