// All that an operator keeps for its subtask instead of for keys, as one inline snapshot.
import type { ProcessSpec } from '@millrace/api';
import type { Json } from '@millrace/proto';
import type { OperatorSetup } from '../operator-setup.ts';
import { BroadcastMaps } from './broadcast-maps.ts';
import { OperatorLists, StateBudget } from './operator-lists.ts';

/** Threading: the slot's thread. */
export class SubtaskState {
  readonly lists: OperatorLists;
  /** undefined: no input of the operator is broadcast. */
  readonly broadcast: BroadcastMaps | undefined;
  readonly #subtaskIndex: number;
  readonly #parallelism: number;

  constructor(
    { environment, node, everyInline, migrations }: OperatorSetup,
    { broadcast }: Pick<ProcessSpec, 'broadcast'>,
  ) {
    const { subtaskIndex, vertex } = environment;
    this.#subtaskIndex = subtaskIndex;
    this.#parallelism = vertex.parallelism;
    const owner = { operatorName: node.name, subtaskIndex, parallelism: vertex.parallelism };
    const budget = new StateBudget(owner);
    this.lists = new OperatorLists(owner, everyInline, budget);
    this.broadcast =
      broadcast === undefined
        ? undefined
        : new BroadcastMaps(
            Object.keys(broadcast),
            { states: everyInline, migrations: migrations(broadcast), oldNames: oldNamesOf(broadcast) },
            StateBudget.ofBroadcast(owner, budget),
          );
  }

  /** As it is now; undefined: there is nothing. Broadcast states are alike in all subtasks, and the first one writes them. */
  snapshot(): { readonly [field: string]: Json } | undefined {
    const lists = this.lists.snapshot();
    const broadcast = this.#subtaskIndex === 0 ? this.broadcast?.snapshot() : undefined;
    if (lists === undefined && broadcast === undefined) return undefined;
    return {
      subtaskIndex: this.#subtaskIndex,
      parallelism: this.#parallelism,
      ...lists,
      ...(broadcast === undefined ? {} : { broadcast }),
    };
  }
}

function oldNamesOf(states: NonNullable<ProcessSpec['broadcast']>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(states).flatMap(([name, { renamedFrom }]) =>
      renamedFrom === undefined ? [] : [[name, renamedFrom] as const],
    ),
  );
}
