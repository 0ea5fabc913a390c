// Whether a job can start from a checkpoint: every state finds its operator, and means to it what it meant.
import { MillraceError } from '@millrace/common';
import type {
  CheckpointMetadata,
  CheckpointOperator,
  JobGraph,
  Json,
  OperatorSnapshot,
  StateDescriptorJson,
  StreamNodeJson,
} from '@millrace/proto';
import { describeOperator, impliedLayout } from './describe-operator.ts';

/** What whoever restores has leave to do. */
export interface RestoreLeave {
  /** State that finds no operator is given up. */
  readonly isNonRestoredStateAllowed?: boolean | undefined;
}

/** Operators that are named in a message at most. */
const NAMED_MAX = 5;

/**
 * @throws {MillraceError} MR_STATE_INCOMPATIBLE when the number of key groups differs, state finds no operator, or an
 *   operator of the same uid is of another kind, has a state of the same name and another kind, or lays its state out otherwise
 */
export function checkRestore(jobGraph: JobGraph, metadata: CheckpointMetadata, leave: RestoreLeave): void {
  const { checkpointId, keyGroupCount } = metadata;
  if (keyGroupCount !== jobGraph.keyGroupCount) {
    throw incompatible(
      metadata,
      `it has ${keyGroupCount} key groups, the job has ${jobGraph.keyGroupCount}. Set keyGroupCount to ${keyGroupCount}`,
      { checkpointId },
    );
  }
  const nodes = new Map(jobGraph.streamGraph.nodes.map((node) => [node.uid, node]));
  const described = new Map((metadata.operators ?? []).map((operator) => [operator.uid, operator]));
  const checked = new Set<string>();
  for (const operator of snapshotsOf(metadata)) {
    const { uid } = operator;
    if (checked.has(uid) || !hasState(operator)) continue;
    checked.add(uid);
    const node = nodes.get(uid);
    const old = described.get(uid);
    if (node !== undefined && old !== undefined) checkSameMeaning(metadata, old, node);
    else if (node === undefined && leave.isNonRestoredStateAllowed !== true)
      throw noOperator(jobGraph, metadata, { uid, old });
  }
}

/** The state of all subtasks, operator by operator. */
function* snapshotsOf(metadata: CheckpointMetadata): Iterable<OperatorSnapshot> {
  for (const { subtasks } of metadata.vertices) for (const { operators } of subtasks) yield* operators;
}

/** True unless nobody would miss what there is. */
function hasState({ keyedFiles, inline }: OperatorSnapshot): boolean {
  return keyedFiles.length > 0 || !isDispensable(inline ?? null);
}

/**
 * True for state that nobody misses when its operator is gone: how far `print` has numbered its lines, and of a sink
 * that nothing is pending. Both say so in the layout that runtime's operators give their inline state.
 */
function isDispensable(inline: Json): boolean {
  if (inline === null) return true;
  if (typeof inline !== 'object' || Array.isArray(inline)) return false;
  const {
    subtaskIndex: _subtaskIndex,
    parallelism: _parallelism,
    sequence,
    pending,
    ...others
  } = inline as { readonly [field: string]: Json };
  if (Object.keys(others).length > 0) return false;
  if (pending === undefined) return typeof sequence === 'number';
  return sequence === undefined && Array.isArray(pending) && pending.length === 0;
}

function checkSameMeaning(metadata: CheckpointMetadata, old: CheckpointOperator, node: StreamNodeJson): void {
  const now = describeOperator(node);
  const { uid } = old;
  const refuse = (why: string): MillraceError =>
    incompatible(
      metadata,
      `operator "${uid}" ${why}. Give it another uid and allow that its old state is given up (--allow-non-restored-state), or restore with the job as it was`,
      { uid },
    );
  if (old.kind !== now.kind) throw refuse(`was a ${old.kind} and is a ${now.kind}`);
  for (const was of old.state) {
    const same = sameState(was, now.state);
    if (same === undefined) continue;
    if (same.name !== was.name && old.state.some((state) => state.name === same.name))
      throw refuse(
        `had states "${was.name}" and "${same.name}" and has both as "${same.name}": leave out its \`renamedFrom\``,
      );
    if (same.kind !== was.kind)
      throw refuse(`had "${was.name}" as ${was.kind} state and has it as ${same.kind} state`);
    checkVersion(metadata, uid, was, same);
  }
  for (const option of new Set([...Object.keys(old.stateLayout), ...Object.keys(now.stateLayout)])) {
    const before = old.stateLayout[option] ?? impliedLayout(old.kind)[option];
    const [was, is] = [before, now.stateLayout[option]].map((value) => textOf(value));
    if (was !== is) throw refuse(`had the ${option} ${was ?? 'none'} and has ${is ?? 'none'}`);
  }
}

/** The state that has `was` now, under its name or another one. */
export function sameState(
  was: StateDescriptorJson,
  now: readonly StateDescriptorJson[],
): StateDescriptorJson | undefined {
  return now.find((state) => state.name === was.name) ?? now.find((state) => state.renamedFrom === was.name);
}

/** Values of another version need a migration that the job declares. */
function checkVersion(
  metadata: CheckpointMetadata,
  uid: string,
  was: StateDescriptorJson,
  is: StateDescriptorJson,
): void {
  const [restoredVersion, version] = [was.version ?? 1, is.version ?? 1];
  if (restoredVersion === version || is.from?.includes(restoredVersion) === true) return;
  const hint =
    restoredVersion > version
      ? `Restore with a job that knows version ${restoredVersion}`
      : `Declare how its values become those of version ${version}: from: { ${restoredVersion}: (old) => … }`;
  throw incompatible(
    metadata,
    `state "${was.name}" of operator "${uid}" has version ${restoredVersion}, and the job has version ${version}. ${hint}`,
    { uid, state: was.name, restoredVersion, version },
  );
}

/** JSON in which only the order of aggregates counts: they are laid out in it. */
function textOf(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

function noOperator(
  jobGraph: JobGraph,
  metadata: CheckpointMetadata,
  { uid, old }: { readonly uid: string; readonly old: CheckpointOperator | undefined },
): MillraceError {
  const all = [...(metadata.operators ?? []), ...snapshotsOf(metadata)];
  const known = new Set(all.map((operator) => operator.uid));
  const fresh = jobGraph.streamGraph.nodes.filter((node) => !known.has(node.uid));
  const [first, ...others] = likeliest(fresh, old);
  let hint = 'Put the operator back, or give its state up with --allow-non-restored-state';
  if (first !== undefined && others.length === 0)
    hint = `"${first.uid}" is probably it now: give it the uid, .uid('${uid}'). Else put the operator back, or give its state up with --allow-non-restored-state`;
  else if (first !== undefined) {
    const names = [first, ...others].slice(0, NAMED_MAX).map((node) => `"${node.uid}"`);
    hint = `New in the job: ${names.join(', ')}. If one of them is it, give it the uid: .uid('${uid}'); else put the operator back, or give its state up with --allow-non-restored-state`;
  }
  return incompatible(metadata, `it has state of operator "${uid}", which the job does not have. ${hint}`, {
    uid,
  });
}

/** Of the operators that are new: those of the same name and kind, else of the same kind and states, else all. */
function likeliest(
  fresh: readonly StreamNodeJson[],
  old: CheckpointOperator | undefined,
): readonly StreamNodeJson[] {
  if (old === undefined) return fresh;
  const alike = fresh.filter(
    (node) => node.kind === old.kind && JSON.stringify(node.state) === JSON.stringify(old.state),
  );
  const named = alike.filter((node) => node.name === old.name);
  return named.length > 0 ? named : alike.length > 0 ? alike : fresh;
}

function incompatible(
  { checkpointId }: CheckpointMetadata,
  why: string,
  details: Readonly<Record<string, unknown>>,
): MillraceError {
  return new MillraceError('MR_STATE_INCOMPATIBLE', `Cannot restore checkpoint ${checkpointId}: ${why}`, {
    details: { ...details, checkpointId },
  });
}
