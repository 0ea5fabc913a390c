import type { NexmarkOptions } from '@millrace/connector-nexmark';

/** Writes `path`, which ends in .jsonl or .parquet. */
export function writeEventFile(path: string, options: NexmarkOptions): Promise<void>;
