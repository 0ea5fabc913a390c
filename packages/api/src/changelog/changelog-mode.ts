// Which kinds of changes a stream may have, known when the graph is built; inserts are always among them.
import { MillraceError } from '@millrace/common';
import { oneOf, refuseUnknownOptions } from '../options/check-options.ts';

/** Kinds that may come beside inserts. Source: Flink's ChangelogMode. */
export interface ChangelogMode {
  readonly updateBefore: boolean;
  readonly updateAfter: boolean;
  readonly delete: boolean;
}

/** Kinds by name: `append` inserts only; `upsert` no updateBefore; `retract` all four. */
export type ChangelogModeName = 'append' | 'upsert' | 'retract';

/** Inserts only. */
export const APPEND_MODE: ChangelogMode = Object.freeze({
  updateBefore: false,
  updateAfter: false,
  delete: false,
});
const UPSERT_MODE: ChangelogMode = Object.freeze({
  updateBefore: false,
  updateAfter: true,
  delete: true,
});
const RETRACT_MODE: ChangelogMode = Object.freeze({
  updateBefore: true,
  updateAfter: true,
  delete: true,
});

/** Options of `toChangelog()`. */
export interface ToChangelogOptions {
  /** Kinds that the stream has. Default `retract`: all four. */
  readonly mode?: ChangelogModeName;
}

/** @throws {MillraceError} MR_OPTION_INVALID for another mode */
export function modeOption(options: ToChangelogOptions): ChangelogMode {
  refuseUnknownOptions('toChangelog()', options, ['mode']);
  const mode = oneOf('`mode` of toChangelog()', options.mode ?? 'retract', ['append', 'upsert', 'retract']);
  return mode === 'append' ? APPEND_MODE : mode === 'upsert' ? UPSERT_MODE : RETRACT_MODE;
}

/** Only inserts come. */
export function isAppendOnly(mode: ChangelogMode): boolean {
  return !mode.updateBefore && !mode.updateAfter && !mode.delete;
}

/** Rows change, and the row as it was does not come: what is keyed otherwise cannot take it back. */
export function isUpsert(mode: ChangelogMode): boolean {
  return mode.updateAfter && !mode.updateBefore;
}

/**
 * Kinds of two streams together.
 * @throws {MillraceError} MR_CHANGELOG_REFUSED for updates with and without the row as it was: what follows could not tell which to
 * take back
 */
export function joinedMode(what: string, a: ChangelogMode, b: ChangelogMode): ChangelogMode {
  if ((isUpsert(a) && b.updateBefore) || (isUpsert(b) && a.updateBefore))
    throw changelogRefused(
      `Cannot bring changes of the kinds ${modeText(a)} and ${modeText(b)} together in ${what}: write .normalize((row) => row.id) ` +
        'behind the one without -U, or .toUpserts() behind the other',
    );
  return {
    updateBefore: a.updateBefore || b.updateBefore,
    updateAfter: a.updateAfter || b.updateAfter,
    delete: a.delete || b.delete,
  };
}

/** Short forms of the kinds, for messages and plans. */
export function modeText(mode: ChangelogMode): string {
  const kinds = ['+I'];
  if (mode.updateBefore) kinds.push('-U');
  if (mode.updateAfter) kinds.push('+U');
  if (mode.delete) kinds.push('-D');
  return kinds.join(' ');
}

/** Returns MR_CHANGELOG_REFUSED. */
export function changelogRefused(message: string): MillraceError {
  return new MillraceError('MR_CHANGELOG_REFUSED', message);
}
