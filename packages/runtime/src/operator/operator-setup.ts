// What every operator is opened with.
import type { StreamNode } from '@millrace/api';
import type { Json } from '@millrace/proto';
import type { KeyedStateBackend } from '@millrace/state';
import type { Emission } from '../chain/emission.ts';
import type { ChainEnvironment } from '../chain/operator-chain.ts';
import type { ErrorSites } from '../chain/user-error.ts';
import type { OperatorOutput } from './chain-stage.ts';

export interface OperatorSetup {
  readonly environment: ChainEnvironment;
  readonly node: StreamNode;
  readonly sites: ErrorSites;
  readonly output: OperatorOutput;
  /** Of the chain: stops what emits much. */
  readonly emission: Emission;
  readonly codegenId: string;
  /** Inline states of the operator that this subtask takes over, of one or several old subtasks. */
  readonly restoredInline: readonly { readonly [field: string]: Json }[];
  /** Opens the operator's keyed state, restored. */
  openBackend(): Promise<KeyedStateBackend>;
}
