// Reads checkpoints that are to be restored. A damaged one is an error that says which others there are; nothing falls
// back by itself, because sinks may have committed since.
import { fromWireError, MillraceError, type JobId } from '@millrace/common';
import {
  checkpointDirectoryName,
  decodeCheckpointMetadataV1,
  type CheckpointMetadata,
  type CheckpointReference,
} from '@millrace/proto';
import type { Effects, Outcome } from './effects.ts';
import { adviceOn } from './older-checkpoints.ts';
import { metadataName } from './retained-checkpoints.ts';

export type CheckpointReading =
  | { readonly ok: true; readonly metadata: CheckpointMetadata }
  | { readonly ok: false; readonly error: MillraceError };

interface Wanted {
  readonly jobId: JobId;
  readonly reference: CheckpointReference;
  /** Older checkpoints that are kept, oldest first; named in the error. */
  readonly older: readonly CheckpointReference[];
}

/** Reads the metadata of a checkpoint that the pointer names. */
export function readCheckpoint(
  effects: Effects,
  wanted: Wanted,
  then: (result: CheckpointReading) => void,
): void {
  const { jobId, reference } = wanted;
  effects.readBlob(jobId, metadataName(reference), (outcome) => {
    if (!outcome.ok && outcome.error.details['code'] !== 'ENOENT') {
      then({ ok: false, error: fromWireError(outcome.error) });
      return;
    }
    try {
      const metadata = decodeCheckpointMetadataV1(
        (outcome.ok ? outcome.bytes : undefined) ?? new Uint8Array(),
      );
      const isTheOne =
        metadata.jobId === jobId &&
        metadata.checkpointId === reference.checkpointId &&
        metadata.epoch === reference.epoch;
      then(isTheOne ? { ok: true, metadata } : { ok: false, error: corrupt(wanted, undefined) });
    } catch (cause) {
      then({ ok: false, error: corrupt(wanted, outcome.ok ? cause : fromWireError(outcome.error)) });
    }
  });
}

function corrupt({ jobId, reference, older }: Wanted, cause: unknown): MillraceError {
  const names = older.map(checkpointDirectoryName).reverse();
  return new MillraceError(
    'MR_CHECKPOINT_CORRUPT',
    `Cannot restore checkpoint ${checkpointDirectoryName(reference)} of job ${jobId}: it is damaged. ${adviceOn({ jobId, older })}`,
    {
      details: { jobId, checkpoint: checkpointDirectoryName(reference), older: names },
      cause,
    },
  );
}

/** Reads the metadata of a checkpoint or savepoint that a user named. */
export function readImportedCheckpoint(outcome: Outcome, path: string): CheckpointReading {
  if (!outcome.ok) return { ok: false, error: fromWireError(outcome.error) };
  try {
    return { ok: true, metadata: decodeCheckpointMetadataV1(outcome.bytes ?? new Uint8Array()) };
  } catch (cause) {
    return {
      ok: false,
      error: new MillraceError('MR_CHECKPOINT_CORRUPT', `Cannot start from "${path}": it is damaged`, {
        details: { path },
        cause,
      }),
    };
  }
}
