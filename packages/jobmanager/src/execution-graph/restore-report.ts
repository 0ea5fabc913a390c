// The mapping old → new of a restore, for people.
import type {
  CheckpointMetadata,
  CheckpointOperator,
  JobGraph,
  Json,
  OperatorSnapshot,
  RestoredOperator,
  RestoreReport,
  StateDescriptorJson,
} from '@millrace/proto';
import { sameState } from './check-restore.ts';

/** What a checkpoint has of one uid. */
interface OldOperator {
  parallelism: number;
  vertexName: string;
  readonly state: Set<string>;
  /** By name, because subtasks of before and after a rescaling may share files. */
  readonly files: Map<string, number>;
}

/** Contract: `checkRestore` has let the restore through. */
export function reportRestore(jobGraph: JobGraph, metadata: CheckpointMetadata, path: string): RestoreReport {
  const old = oldOperators(metadata);
  const described = new Map((metadata.operators ?? []).map((operator) => [operator.uid, operator]));
  const operators: RestoredOperator[] = jobGraph.streamGraph.nodes.flatMap((node) => {
    const part = oldPart(node.uid, old.get(node.uid), described.get(node.uid), node.state);
    // A sink of dead letters that nobody asked for, and that has nothing, is nothing to people.
    if (node.isImplicit === true && part.state.length === 0) return [];
    return [{ ...part, name: node.name, to: parallelismOf(jobGraph, node.id) }];
  });
  const known = new Set(jobGraph.streamGraph.nodes.map(({ uid }) => uid));
  for (const [uid, operator] of old)
    if (!known.has(uid)) operators.push({ ...oldPart(uid, operator, described.get(uid)), name: '', to: 0 });
  return {
    path,
    jobName: metadata.jobName,
    checkpointId: metadata.checkpointId,
    isSavepoint: metadata.savepoint !== undefined,
    isDrained: metadata.savepoint?.isDrained === true,
    operators,
  };
}

function oldPart(
  uid: string,
  old: OldOperator | undefined,
  described: CheckpointOperator | undefined,
  now: readonly StateDescriptorJson[] = [],
): Omit<RestoredOperator, 'name' | 'to'> {
  const bytes = [...(old?.files.values() ?? [])].reduce((sum, count) => sum + count, 0);
  const declared = bytes > 0 ? (described?.state ?? []).map((state) => stateText(state, now)) : [];
  const keyed = bytes > 0 && declared.length === 0 ? ['keyed'] : declared;
  return {
    uid,
    oldName: described?.name ?? old?.vertexName ?? '',
    from: described?.parallelism ?? old?.parallelism ?? 0,
    state: [...keyed, ...(old?.state ?? [])],
    bytes,
  };
}

/** `value total`, where it has versions `value total v1 → v2`, where it is renamed `value total → sum`. */
function stateText(was: StateDescriptorJson, now: readonly StateDescriptorJson[]): string {
  const { kind, version = 1 } = was;
  const same = sameState(was, now);
  const name = same === undefined || same.name === was.name ? was.name : `${was.name} → ${same.name}`;
  const next = same === undefined ? version : (same.version ?? 1);
  if (next !== version) return `${kind} ${name} v${version} → v${next}`;
  return version === 1 ? `${kind} ${name}` : `${kind} ${name} v${version}`;
}

function parallelismOf(jobGraph: JobGraph, nodeId: number): number {
  const vertex = jobGraph.vertices.find(
    ({ role, nodeIds }) => role !== 'enumerator' && nodeIds.includes(nodeId),
  );
  return vertex?.parallelism ?? 0;
}

function oldOperators(metadata: CheckpointMetadata): ReadonlyMap<string, OldOperator> {
  const operators = new Map<string, OldOperator>();
  for (const { role, name, parallelism, subtasks } of metadata.vertices) {
    for (const snapshot of subtasks.flatMap((subtask) => subtask.operators)) {
      const fresh: OldOperator = { parallelism: 0, vertexName: name, state: new Set(), files: new Map() };
      const operator = operators.get(snapshot.uid) ?? fresh;
      operators.set(snapshot.uid, operator);
      if (role !== 'enumerator') operator.parallelism = parallelism;
      for (const { name: file, bytes } of snapshot.keyedFiles) operator.files.set(file, bytes);
      for (const what of inlineStates(snapshot)) operator.state.add(what);
    }
  }
  return operators;
}

function namesOf(kind: string, states: Json | undefined): readonly string[] {
  if (typeof states !== 'object' || states === null || Array.isArray(states)) return [];
  return Object.keys(states).map((name) => `${kind} ${name}`);
}

/** What small state is about, by the layout that runtime's operators give it. */
function inlineStates({ inline }: OperatorSnapshot): readonly string[] {
  if (typeof inline !== 'object' || inline === null || Array.isArray(inline)) return [];
  const fields = inline as { readonly [field: string]: Json };
  if (fields['splits'] !== undefined || fields['remaining'] !== undefined) return ['splits'];
  const { pending } = fields;
  const transactions = Array.isArray(pending) && pending.length > 0 ? ['transactions'] : [];
  return [
    ...transactions,
    ...namesOf('operator list', fields['lists']),
    ...namesOf('union list', fields['unions']),
    ...namesOf('broadcast', fields['broadcast']),
  ];
}
