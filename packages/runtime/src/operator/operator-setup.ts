// What every operator is opened with.
import type { StateSpec, StreamNode } from '@millrace/api';
import type { Json } from '@millrace/proto';
import type { KeyedStateBackend } from '@millrace/state';
import type { Emission } from '../chain/emission.ts';
import type { ChainEnvironment } from '../chain/operator-chain.ts';
import type { DroppedTally } from '../chain/dropped-records.ts';
import type { RecordFailures } from '../chain/record-failures.ts';
import type { RecordOrigin } from '../chain/record-origin.ts';
import type { ErrorSites } from '../chain/user-error.ts';
import type { OperatorMetrics } from './metrics/operator-metrics.ts';
import type { OperatorOutput } from './chain-stage.ts';

export interface OperatorSetup {
  readonly environment: ChainEnvironment;
  readonly node: StreamNode;
  readonly sites: ErrorSites;
  /** Of the chain: takes what fails. */
  readonly failures: RecordFailures;
  readonly origin: RecordOrigin;
  /** What the operator leaves out. */
  readonly tally: DroppedTally;
  readonly output: OperatorOutput;
  /** Of the user's functions and of the operator itself. */
  readonly metrics: OperatorMetrics;
  /** Of the chain: stops what emits much. */
  readonly emission: Emission;
  readonly codegenId: string;
  /** Inline states of the operator that this subtask takes over, of one or several old subtasks. */
  readonly restoredInline: readonly { readonly [field: string]: Json }[];
  /** Those of all old subtasks, whoever takes them over. */
  readonly everyInline: readonly { readonly [field: string]: Json }[];
  /** What makes restored values of declared states those of their current versions. */
  readonly migrations: (states: {
    readonly [name: string]: StateSpec;
  }) => ReadonlyMap<string, (old: unknown) => unknown>;
  /**
   * Opens the operator's keyed state, restored. `states`: those that it declares, whose older values are migrated;
   * `areKeysWalked`: for a function that is applied to all keys.
   */
  openBackend(more?: {
    readonly areKeysWalked?: boolean;
    readonly states?: { readonly [name: string]: StateSpec };
  }): Promise<KeyedStateBackend>;
}
