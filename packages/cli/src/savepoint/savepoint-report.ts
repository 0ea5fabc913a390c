// What a savepoint holds, operator by operator: read from its files alone, each of which is checked, without a cluster.
import { open } from 'node:fs/promises';
import type { OpenedSavepoint } from '@millrace/jobmanager';
import { readStateFile, stateFilePath } from '@millrace/jobmanager';
import {
  stateFilesOf,
  type CheckpointOperator,
  type Json,
  type KeyedStateFile,
  type OperatorSnapshot,
} from '@millrace/proto';
import { inspectKeyedState, type InspectedKind, type StateSummary } from '@millrace/state';
import { operatorStates } from './operator-states.ts';

/** Small state of an operator, by the layout that the engine's operators give it. */
export interface InlineSummary {
  /** Of a source: in the enumerator, in readers; and what is shown of them. */
  readonly splits: {
    readonly unassigned: number;
    readonly reading: number;
    readonly samples: readonly Json[];
  };
  /** Of a sink: sealed and not known to be committed. */
  readonly transactions: { readonly count: number; readonly samples: readonly Json[] };
}

/** A state by key, or one of the operator's subtasks. */
export type ShownState = Omit<StateSummary, 'kind'> & {
  /** Of its values' form, where the operator declares it. */
  readonly version?: number;
  readonly kind: InspectedKind | 'operator-list' | 'union-list' | 'broadcast';
};

/** All that a savepoint has of one operator. */
export interface OperatorReport extends InlineSummary {
  readonly uid: string;
  readonly name: string;
  readonly kind: string;
  readonly parallelism: number;
  readonly declared: CheckpointOperator['state'];
  readonly states: readonly ShownState[];
  /** Of its files. */
  readonly bytes: number;
}

export interface ReportOptions {
  /** Only this operator. */
  readonly uid?: string;
  readonly samplesMax: number;
}

/**
 * Resolves to the operators in the job's order. All files are read and checked, also those of operators that are left out.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT for a file that is cut, changed or gone
 */
export async function reportSavepoint(
  opened: OpenedSavepoint,
  options: ReportOptions,
): Promise<readonly OperatorReport[]> {
  const { root, metadata } = opened;
  for (const file of stateFilesOf(metadata)) for await (const _piece of readStateFile(root, file)) continue;
  const snapshots = new Map<string, OperatorSnapshot[]>();
  for (const { subtasks } of metadata.vertices) {
    for (const snapshot of subtasks.flatMap(({ operators }) => operators)) {
      const known = snapshots.get(snapshot.uid) ?? [];
      snapshots.set(snapshot.uid, known);
      known.push(snapshot);
    }
  }
  const described = new Map((metadata.operators ?? []).map((operator) => [operator.uid, operator]));
  const uids = [...new Set([...described.keys(), ...snapshots.keys()])];
  const reports: OperatorReport[] = [];
  for (const uid of uids) {
    if (options.uid !== undefined && uid !== options.uid) continue;
    const operator = described.get(uid);
    const of = snapshots.get(uid) ?? [];
    const files = [
      ...new Map(of.flatMap(({ keyedFiles }) => keyedFiles).map((file) => [file.name, file])).values(),
    ];
    reports.push({
      uid,
      name: operator?.name ?? '',
      kind: operator?.kind ?? '',
      parallelism: operator?.parallelism ?? 0,
      declared: operator?.state ?? [],
      states: [
        ...(await inspectKeyedState({
          files,
          samplesMax: options.samplesMax,
          read: (file, offset, length) => readPart(stateFilePath(root, file), offset, length),
        })),
        ...operatorStates(of, options.samplesMax),
      ].map((state) => withVersion(state, operator?.state ?? [])),
      bytes: files.reduce((sum: number, file: KeyedStateFile) => sum + file.bytes, 0),
      ...inlineOf(of, options.samplesMax),
    });
  }
  return reports;
}

function withVersion(state: ShownState, declared: CheckpointOperator['state']): ShownState {
  const found = declared.find(({ name }) => name === state.name);
  return found === undefined ? state : { ...state, version: found.version ?? 1 };
}

async function readPart(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function inlineOf(snapshots: readonly OperatorSnapshot[], samplesMax: number): InlineSummary {
  const unassigned: Json[] = [];
  const reading: Json[] = [];
  const transactions: Json[] = [];
  for (const { inline } of snapshots) {
    if (typeof inline !== 'object' || inline === null || Array.isArray(inline)) continue;
    const { remaining, splits, pending } = inline as { readonly [field: string]: Json };
    if (Array.isArray(remaining)) unassigned.push(...remaining.map((entry: Json) => splitOf(entry)));
    if (Array.isArray(splits)) reading.push(...splits);
    if (Array.isArray(pending))
      for (const entry of pending as { readonly committables?: readonly Json[] }[])
        transactions.push(...(entry.committables ?? []));
  }
  return {
    splits: {
      unassigned: unassigned.length,
      reading: reading.length,
      samples: [...reading, ...unassigned].slice(0, samplesMax),
    },
    transactions: { count: transactions.length, samples: transactions.slice(0, samplesMax) },
  };
}

/** An enumerator keeps `[ordinal, split]`. */
function splitOf(entry: Json): Json {
  return Array.isArray(entry) ? ((entry[1] as Json | undefined) ?? null) : entry;
}
