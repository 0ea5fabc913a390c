// A node of the graph while it is being built: what one call of the API makes.
import { MillraceError, type ErrorDetails } from '@millrace/common';
import type { Partitioning } from '@millrace/proto';
import { failurePolicy, type FailurePolicy, type OnFailure } from '../failure/failure-policy.ts';
import { integerOption, textOption } from '../options/check-options.ts';
import type { Operator, UserFunction } from './operator.ts';

/** Where a stream's records come from: an output of a transformation, and how they go to whoever reads it. */
export interface StreamOutlet {
  readonly from: Transformation;
  readonly partitioning: Partitioning;
  readonly sideOutput?: string;
  readonly keySelector?: UserFunction;
}

/** Characters of a uid or a name at most. */
const NAME_LENGTH_MAX = 256;

/** Contract: changes only while the program's build function runs. */
export class Transformation {
  readonly id: number;
  readonly inputs: readonly StreamOutlet[];
  readonly defaultName: string;
  operator: Operator;
  name: string | undefined;
  uid: string | undefined;
  parallelism: number | undefined;
  onError: FailurePolicy | undefined;
  /** Transformations that read this one. */
  consumerCount = 0;

  constructor(
    id: number,
    operator: Operator,
    shape: { readonly inputs: readonly StreamOutlet[]; readonly defaultName: string },
  ) {
    this.id = id;
    this.operator = operator;
    this.inputs = shape.inputs;
    this.defaultName = shape.defaultName;
    this.name = undefined;
    this.uid = undefined;
    this.parallelism = undefined;
    this.onError = undefined;
  }

  setUid(uid: string): void {
    this.uid = shortText(`the uid of operator "${this.name ?? this.defaultName}"`, uid);
  }

  setName(name: string): void {
    this.name = shortText(`the name of operator "${this.defaultName}"`, name);
  }

  setOnError(onError: OnFailure): void {
    const { action, ...limits } = failurePolicy('onError', onError);
    this.onError = action === 'fail' ? undefined : { action, ...limits };
  }

  setParallelism(parallelism: number): void {
    this.parallelism = integerOption(
      `the parallelism of operator "${this.name ?? this.defaultName}"`,
      parallelism,
      { min: 1 },
    );
  }
}

function shortText(what: string, value: unknown): string {
  const text = textOption(what, value);
  if (text.length <= NAME_LENGTH_MAX) return text;
  throw new MillraceError(
    'MR_OPTION_INVALID',
    `Cannot use text of ${text.length} characters as ${what}: it may have ${NAME_LENGTH_MAX}`,
  );
}

/** Returns MR_GRAPH_INVALID. */
export function invalidGraph(message: string, details: ErrorDetails = {}): MillraceError {
  return new MillraceError('MR_GRAPH_INVALID', message, { details });
}
