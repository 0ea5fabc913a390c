import type { NexmarkOptions } from '@millrace/connector-nexmark';

/** Writes `path`, which ends in .jsonl or .parquet: just as many events as `options` say. */
export function writeEventFile(path: string, options: NexmarkOptions): Promise<void>;
