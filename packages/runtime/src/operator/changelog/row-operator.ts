// The frame of operators over rows: text that hands each record, or change, and its key to one function of the engine's.
import type { ChangeKind, UserFunction } from '@millrace/api';
import type { RecordBatch } from '@millrace/proto';
import type { KeyedStateBackend } from '@millrace/state';
import { deepFreeze } from '../../chain/deep-freeze.ts';
import type { FieldsRead } from '../../chain/fields/fields-read.ts';
import type { ChainOperator, StageBody } from '../chain-stage.ts';
import { backendMethods, emitKey } from '../keyed/keyed-code.ts';
import type { OperatorSetup } from '../operator-setup.ts';

/** The change at hand: one object an operator, whose fields change from record to record. A record is an insert. */
export class RowInput {
  kind: ChangeKind = 'insert';
  row: unknown = undefined;
  /** NaN without event time. */
  timestampMs = NaN;
  key: unknown = undefined;
  hash = 0;
  /** Row of the batch, -1 outside of one. */
  at = -1;
  /** The batch of which row `at` is `row`, and nothing else; undefined: there is none. */
  batch: RecordBatch | undefined = undefined;
}

/**
 * What an operator does with rows.
 * Contract: as `ChainOperator`. What it keeps of `input.row` it cuts loose first.
 */
export interface RowFunction {
  onRow(input: RowInput): void;
  advanceWatermark?(watermarkMs: number): boolean;
  advanceProcessingTime?(nowMs: number): boolean;
  nextProcessingTimeMs?(): number;
  endInput?(): boolean;
  /** State was frozen: it must not be changed in place any more. */
  freeze?(): void;
}

/**
 * A first look at a record, before it is made whole: by the values of some functions of it.
 * Contract: `admits` is called right before `onRow` of the same record, which is left out where it is false.
 */
export interface RowGate {
  readonly functions: readonly UserFunction[];
  admits(key: unknown, hash: number, values: unknown): boolean;
}

/** Why a record is late. */
export const LATE = 'the watermark has passed it';

/** [HOT] Where changes or rows go. */
export class RowOutput {
  readonly #setup: OperatorSetup;
  readonly #freezes: boolean;

  constructor(setup: OperatorSetup) {
    this.#setup = setup;
    this.#freezes = setup.environment.freezeRecords === true;
  }

  change(kind: ChangeKind, row: unknown, timestampMs: number): void {
    this.row({ kind, row }, timestampMs);
  }

  row(row: unknown, timestampMs: number): void {
    const { emission, output } = this.#setup;
    if (this.#freezes) deepFreeze(row);
    emission.count++;
    output.emit(row, timestampMs);
  }
}

/** True for a record that `-U` or `-D` takes back. */
export function isRetraction(kind: ChangeKind): boolean {
  return kind === 'updateBefore' || kind === 'delete';
}

/** Returns the operator that calls `fn` with each record, or with each change where `isOfChanges`. */
export function rowOperator(
  setup: OperatorSetup,
  backend: KeyedStateBackend,
  of: {
    readonly fn: RowFunction;
    readonly isOfChanges: boolean;
    /** What it reads of a row. Default: all. */
    readonly fields?: FieldsRead;
    /** Of records, not of changes. It gets the value of its only function, or an array of their values. */
    readonly gate?: RowGate | undefined;
  },
): ChainOperator {
  const { fn, isOfChanges, fields = 'all', gate } = of;
  const { kind } = setup.node.operator;
  const input = new RowInput();
  const keySite = setup.sites.register(setup.node, 'key function');
  const site = setup.sites.register(setup.node, `${kind} function`);
  const emit = (body: StageBody): string => {
    const { unit, record } = body;
    const { key, hash, make } = emitKey(body, setup, keySite);
    const at = unit.bind(input, 'input');
    const handOver = (taken: string): string =>
      [
        body.row === '-1' ? '' : `${unit.bind(setup.origin, 'origin')}.row = ${body.row};`,
        taken,
        `${at}.timestampMs = ${body.timestampMs}; ${at}.key = ${key}; ${at}.hash = ${hash}; ${at}.at = ${body.row};`,
        `${at}.batch = ${isOfChanges || body.row === '-1' ? 'undefined' : record.batch};`,
        `${body.at(site)} ${unit.bind(fn, 'rows')}.onRow(${at});`,
      ].join('\n');
    const rest = (): string => {
      if (isOfChanges)
        return handOver(`${at}.kind = ${record.field('kind')}; ${at}.row = ${record.field('row')};`);
      if (gate === undefined) return handOver(`${at}.row = ${record.having(fields)};`);
      const admitted = record.behindCondition(unit);
      const text = handOver(`${at}.row = ${admitted.record.having(fields)};`);
      return `${body.at(site)} if (${gateText(body, gate, key, hash)}) {\n${admitted.declaration()}\n${text}\n}`;
    };
    return body.attempt({
      names: [key, hash],
      make: (declare) => `${make(declare)}\n${rest()}`,
      goOn: () => '',
    });
  };
  return {
    node: setup.node,
    stage: { kind, emitsMany: true, emit },
    ...backendMethods(backend, () => fn.freeze?.()),
    ...(fn.advanceWatermark === undefined
      ? {}
      : {
          advanceWatermark: (watermarkMs: number) =>
            attempt(setup, site, () => fn.advanceWatermark?.(watermarkMs) ?? true),
        }),
    ...(fn.advanceProcessingTime === undefined
      ? {}
      : {
          advanceProcessingTime: (nowMs: number) =>
            attempt(setup, site, () => fn.advanceProcessingTime?.(nowMs) ?? true),
        }),
    ...(fn.nextProcessingTimeMs === undefined
      ? {}
      : { nextProcessingTimeMs: () => fn.nextProcessingTimeMs?.() ?? Infinity }),
    ...(fn.endInput === undefined
      ? {}
      : { endInput: () => attempt(setup, site, () => fn.endInput?.() ?? true) }),
  };
}

function gateText({ unit, record }: StageBody, gate: RowGate, key: string, hash: string): string {
  const values = gate.functions.map((fn) => `${unit.bind(fn, 'by')}(${record.argument(fn)})`);
  const given = values.length === 1 ? values[0] : `[${values.join(', ')}]`;
  return `${unit.bind(gate, 'gate')}.admits(${key}, ${hash}, ${given})`;
}

/** Calls what may call functions of the user's outside of a loop: what they throw is the operator's. */
function attempt(setup: OperatorSetup, site: number, call: () => boolean): boolean {
  try {
    return call();
  } catch (error) {
    throw setup.sites.wrap(error, site);
  }
}
