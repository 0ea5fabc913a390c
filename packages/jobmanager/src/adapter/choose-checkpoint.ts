// Which checkpoint of a job's directory a user means. Nothing is chosen for anybody: output may have been committed since.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '@millrace/common';
import { CHECKPOINT_METADATA_NAME } from '@millrace/proto';

/**
 * Resolves to the directory of checkpoint `checkpointId` in `path`, a directory with the checkpoints of one job.
 * @throws {MillraceError} MR_SAVEPOINT_NOT_FOUND naming those that are there
 */
export async function chooseCheckpoint(path: string, checkpointId: number): Promise<string> {
  const found = await checkpointsIn(path);
  const chosen = found.find((each) => each.checkpointId === checkpointId);
  if (chosen !== undefined) return join(path, chosen.name);
  const reason =
    found.length === 0
      ? 'there are none. Name the directory <checkpoints>/<job id>'
      : `there are ${found.map((each) => each.checkpointId).join(', ')}`;
  throw new MillraceError(
    'MR_SAVEPOINT_NOT_FOUND',
    `Cannot start from checkpoint ${checkpointId} in "${path}": ${reason}`,
    { details: { path, checkpointId } },
  );
}

/** What to write to start from another checkpoint than the one in `directory`; '' where there is none. */
export async function othersBeside(directory: string, parent: string): Promise<string> {
  const others = (await checkpointsIn(parent)).filter(({ name }) => name !== directory);
  const [newest] = others;
  if (newest === undefined) return '';
  const ids = others.map(({ checkpointId }) => checkpointId).join(', ');
  return `; there are ${ids}, but output that was committed since would be written again: millrace run -s ${parent} --from-checkpoint ${newest.checkpointId} <job.ts>`;
}

/** Checkpoints of a job's directory that can be read, the newest first. */
async function checkpointsIn(
  path: string,
): Promise<readonly { readonly name: string; readonly checkpointId: number }[]> {
  const found: { readonly name: string; readonly checkpointId: number }[] = [];
  for (const name of await readdir(path).catch(() => [])) {
    const id = /^chk-\d+-(\d+)$/.exec(name)?.[1];
    if (id === undefined) continue;
    const metadata = await stat(join(path, name, CHECKPOINT_METADATA_NAME)).catch(() => undefined);
    if (metadata?.isFile() === true) found.push({ name, checkpointId: Number(id) });
  }
  return found.sort((a, b) => b.checkpointId - a.checkpointId);
}
