// The events of a query, without an engine.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NexmarkEvent, NexmarkOptions } from '@millrace/connector-nexmark';
import { writeEventFile } from '../../examples/nexmark/event-file.mjs';

/** Parameters of a query, as its command line has them. */
export interface Params {
  readonly [name: string]: string;
}

/** The parameters as the generator takes them. */
export function optionsOf(params: Params): NexmarkOptions {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, Number(value)]));
}

/** All events. */
export async function allEvents(params: Params): Promise<readonly NexmarkEvent[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-nexmark-events-'));
  try {
    const path = join(directory, 'all.jsonl');
    await writeEventFile(path, optionsOf(params));
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as NexmarkEvent);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
