// Which restored states have another version than the program's, and what makes their values those of today.
import { MillraceError } from '@millrace/common';
import type { StateSpec, StreamNode } from '@millrace/api';
import type { OperatorSnapshot } from '@millrace/proto';
import { messageOf } from '../chain/user-error.ts';

type Migration = (old: unknown) => unknown;

/** Version of the values of a state that says none. */
const FIRST_VERSION = 1;

/** Versions of the declared states of a node, as its snapshots state them; undefined: all are the first. */
export function stateVersions({ operator }: StreamNode): { readonly [state: string]: number } | undefined {
  if (operator.kind !== 'process' && operator.kind !== 'coProcess') return undefined;
  const { state, broadcast = {} } = operator.process;
  const later = [...Object.entries(state), ...Object.entries(broadcast)].flatMap(
    ([name, { version = FIRST_VERSION }]) => (version === FIRST_VERSION ? [] : [[name, version] as const]),
  );
  return later.length === 0 ? undefined : Object.fromEntries(later);
}

/**
 * By state, for those that have to be migrated.
 * Contract: all subtasks of a checkpoint ran one program, so that their states have one version.
 * @throws {MillraceError} MR_STATE_INCOMPATIBLE when there is no way from the old version; whoever starts the job has
 *   asked before
 */
export function stateMigrations(
  node: StreamNode,
  states: { readonly [name: string]: StateSpec },
  restored: readonly OperatorSnapshot[],
): ReadonlyMap<string, Migration> {
  const migrations = new Map<string, Migration>();
  const [first] = restored;
  if (first === undefined) return migrations;
  const versions = first.stateVersions ?? {};
  for (const [name, { version = FIRST_VERSION, from = {}, renamedFrom = name }] of Object.entries(states)) {
    const old = versions[name] ?? versions[renamedFrom] ?? FIRST_VERSION;
    if (old === version) continue;
    const migrate = from[String(old)] as Migration | undefined;
    if (migrate === undefined)
      throw new MillraceError(
        'MR_STATE_INCOMPATIBLE',
        `Cannot restore state "${name}" of operator "${node.name}": it has version ${old}, the job has version ${version} and no \`from\` for ${old}`,
        { details: { operator: node.name, uid: node.uid, state: name, version, restoredVersion: old } },
      );
    migrations.set(name, checked(migrate, { node, name, old, version }));
  }
  return migrations;
}

/** What restored states are called now that have another name: the new one by the old one. */
export function renamedStates(states: { readonly [name: string]: StateSpec }): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(states).flatMap(([name, { renamedFrom }]) =>
      renamedFrom === undefined ? [] : [[renamedFrom, name] as const],
    ),
  );
}

interface Migrated {
  readonly node: StreamNode;
  readonly name: string;
  readonly old: number;
  readonly version: number;
}

function checked(migrate: Migration, { node, name, old, version }: Migrated): Migration {
  return checkedMigration(
    migrate,
    `The migration of state "${name}" of operator "${node.name}" from version ${old} to ${version}`,
    { operator: node.name, uid: node.uid, state: name, version, restoredVersion: old },
  );
}

/** Returns a migration that refuses to give nothing, or a promise: `what` it is, for people, and for machines. */
export function checkedMigration(
  migrate: Migration,
  what: string,
  details: Readonly<Record<string, unknown>>,
): Migration {
  const failed = (why: string, cause?: unknown): MillraceError =>
    new MillraceError('MR_STATE_MIGRATION', `${what} ${why}`, {
      details,
      ...(cause === undefined ? {} : { cause }),
    });
  return (old) => {
    let value: unknown;
    try {
      value = migrate(old);
    } catch (error) {
      throw failed(`threw: ${messageOf(error)}`, error);
    }
    if (value === undefined) throw failed('gave no value');
    if (typeof (value as { readonly then?: unknown } | null)?.then === 'function') {
      void Promise.resolve(value).catch(() => undefined);
      throw failed('gave a promise: it must be synchronous');
    }
    return value;
  };
}
