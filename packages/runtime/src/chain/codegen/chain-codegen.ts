// Writes the functions of one chain: a loop for each input and record form, and an emit function for each node.
import { literal, property, CodeUnit } from './code-unit.ts';
import { emitOutput, type OutputPort } from './output-code.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { EMITTED_PER_LOOK, type Emission } from '../emission.ts';
import type { BatchShape, RecordBatch } from '@millrace/proto';
import type { SourceBatch, StreamEdge } from '@millrace/api';
import type { ChainNode } from '../chain-topology.ts';
import type { ChainMetrics } from '../operator-chain.ts';
import type { RecordFailures } from '../record-failures.ts';
import type { ErrorSites } from '../user-error.ts';
import type { Attempt, ChainOperator, EmitFunction, StageBody } from '../../operator/chain-stage.ts';

/** What the text of a chain is made from. */
export interface ChainCode {
  /** Job, attempt, vertex and subtask: stands in every text. */
  readonly codegenId: string;
  readonly operators: ReadonlyMap<ChainNode, ChainOperator>;
  readonly ports: ReadonlyMap<ChainNode, readonly OutputPort[]>;
  readonly sites: ErrorSites;
  readonly failures: RecordFailures;
  readonly metrics: ChainMetrics;
  readonly keyGroupCount: number;
  readonly freezesRecords: boolean;
  readonly emission: Emission;
  /** Entry functions of nodes with several inputs inside the chain. */
  readonly entries: Map<ChainNode, { enter: EmitFunction }>;
}

/** A loop that stopped has left the row at which it goes on in `emission.row`: it is called again with the same batch. */
export type BatchLoop = (batch: RecordBatch) => void;
/** Returns the greatest event time of the rows it went over, -Infinity when there was none. */
export type SourceLoop = (batch: SourceBatch<unknown>) => number;

interface Arrival {
  readonly record: string;
  readonly timestampMs: string;
  readonly edge: StreamEdge | undefined;
  readonly keyHash?: string;
  readonly row?: string;
}

/** Returns the function that sends records of `node`, or of its side output, to all that is behind it. */
export function generateEmit(code: ChainCode, node: ChainNode, sideOutput: string | undefined): EmitFunction {
  const unit = new CodeUnit(
    `${code.codegenId} emit ${node.node.id}${sideOutput === undefined ? '' : ` ${sideOutput}`}`,
  );
  return guardedEmit(
    code,
    unit,
    behind(code, unit, node, { sideOutput, record: 'record', timestampMs: 'timestampMs' }),
  );
}

/** Returns the function that hands a record to `node`, for nodes with several inputs inside the chain. */
export function generateEntry(code: ChainCode, node: ChainNode): EmitFunction {
  const unit = new CodeUnit(`${code.codegenId} enter ${node.node.id}`);
  return guardedEmit(
    code,
    unit,
    stageText(code, unit, node, { record: 'record', timestampMs: 'timestampMs', edge: undefined }),
  );
}

function guardedEmit(code: ChainCode, unit: CodeUnit, text: string): EmitFunction {
  const sites = unit.bind(code.sites, 'sites');
  const metrics = unit.bind(code.metrics, 'metrics');
  return unit.compile(
    'record, timestampMs',
    [
      'let at = -1, out = 0;',
      `try {\n${text}\n} catch (error) { throw ${sites}.wrap(error, at, record); }`,
      `${metrics}.recordsOut += out;`,
    ].join('\n'),
  ) as EmitFunction;
}

/** Returns the loop over batches of one shape. */
export function generateBatchLoop(
  code: ChainCode,
  input: { readonly node: ChainNode; readonly edge: StreamEdge; readonly inputIndex: number },
  batch: { readonly shape: BatchShape; readonly hasKeyHashes: boolean },
): BatchLoop {
  const unit = new CodeUnit(`${code.codegenId} input ${input.inputIndex} ${batch.shape.text}`);
  const arrival = {
    record: 'record',
    timestampMs: 'timestampMs',
    edge: input.edge,
    row: 'row',
    ...(batch.hasKeyHashes ? { keyHash: 'hashes[row]' } : {}),
  };
  const stages = stageText(code, unit, input.node, arrival);
  const prelude = [
    'const to = batch.rowCount, timestamps = batch.timestampsMs, hashes = batch.keyHashes;',
    batch.shape.emitPrelude('batch'),
  ].join('\n');
  const read = `const record = ${batch.shape.emitRecord('row')}; const timestampMs = timestamps[row];`;
  const again = batch.shape.emitRecord('row');
  return unit.compile(
    'batch',
    loopText(code, unit, { prelude, from: '0', read, stages, again, result: '' }),
  ) as BatchLoop;
}

/** Which loop a batch of a source needs: batches with equal answers share one. */
export function sourceForm(batch: SourceBatch<unknown>): string {
  if (batch.kind !== 'columns') return batch.kind;
  return `columns ${batch.columns.map((column) => literal(column.name)).join()}`;
}

/** Returns the loop over batches of a source, for all batches of the same {@link sourceForm}. */
export function generateSourceLoop(
  code: ChainCode,
  head: ChainNode,
  batch: SourceBatch<unknown>,
): SourceLoop {
  const unit = new CodeUnit(`${code.codegenId} source ${sourceForm(batch)}`);
  const { prelude, from, make } = sourceReading(batch);
  const stages = stageText(code, unit, head, {
    record: 'record',
    timestampMs: 'NaN',
    edge: undefined,
    row: 'row',
  });
  const read = `const record = ${make};`;
  return unit.compile(
    'batch',
    loopText(code, unit, {
      prelude: `let maxMs = -Infinity;\n${prelude}`,
      from,
      read,
      stages,
      again: make,
      result: 'return maxMs;',
    }),
  ) as SourceLoop;
}

function sourceReading(batch: SourceBatch<unknown>): {
  readonly prelude: string;
  readonly from: string;
  readonly make: string;
} {
  switch (batch.kind) {
    case 'records':
      return {
        prelude: 'const records = batch.records, to = records.length;',
        from: '0',
        make: 'records[row]',
      };
    case 'indexed':
      return {
        prelude: 'const recordAt = batch.recordAt, to = batch.to;',
        from: 'batch.from',
        make: 'recordAt(row)',
      };
    case 'columns': {
      const columns = batch.columns.map(
        (_, index) => `const column${index} = batch.columns[${index}].values;`,
      );
      const fields = batch.columns.map((column, index) => property(column.name, `column${index}[row]`));
      return {
        prelude: `const to = batch.rowCount;\n${columns.join('\n')}`,
        from: '0',
        make: `{ ${fields.join(', ')} }`,
      };
    }
  }
}

interface Loop {
  readonly prelude: string;
  readonly from: string;
  readonly read: string;
  readonly stages: string;
  /** Text that makes the record of `row` again, for an error. */
  readonly again: string;
  readonly result: string;
}

function loopText(code: ChainCode, unit: CodeUnit, loop: Loop): string {
  const sites = unit.bind(code.sites, 'sites');
  const metrics = unit.bind(code.metrics, 'metrics');
  const freeze = code.freezesRecords ? `${unit.bind(deepFreeze, 'freeze')}(record);` : '';
  const stop = stopText(code, unit);
  return [
    loop.prelude,
    `let at = -1, out = 0, row = ${loop.from};`,
    stop.start,
    `try {\nfor (; row < to; row++) {\n${loop.read}\n${freeze}\n${loop.stages}\n${stop.afterRow}\n}`,
    '} catch (error) {',
    // The record is made again: a variable that outlives the loop's body would keep V8 from removing the object.
    `let record; try { record = ${loop.again}; } catch {}`,
    `throw ${sites}.wrap(error, at, record, row);\n}`,
    `${metrics}.recordsOut += out;`,
    stop.end,
    loop.result,
  ].join('\n');
}

/**
 * Where operators emit many records for one, or records may become much larger on their way out, the loop may stop behind a
 * row, and goes on with the next when called again.
 */
function stopText(
  code: ChainCode,
  unit: CodeUnit,
): { readonly start: string; readonly afterRow: string; readonly end: string } {
  const emitsMany = [...code.operators.values()].some((operator) => operator.stage.emitsMany === true);
  const hasOutputs = [...code.ports.values()].some((ports) => ports.length > 0);
  if (!emitsMany && !hasOutputs) return { start: '', afterRow: '', end: '' };
  const emission = unit.bind(code.emission, 'emission');
  return {
    start: `if (${emission}.row >= 0) { row = ${emission}.row; ${emission}.row = -1; }`,
    afterRow: `if (${emission}.count >= ${EMITTED_PER_LOOK} && ${emission}.look()) { row++; break; }`,
    end: `if (row < to) ${emission}.row = row;`,
  };
}

/** The text of one node for a record that arrives there, with all that follows. */
function stageText(code: ChainCode, unit: CodeUnit, node: ChainNode, arrival: Arrival): string {
  const operator = code.operators.get(node);
  if (operator === undefined) return '';
  const row = arrival.row ?? '-1';
  const isGuarded = node.node.onError !== undefined;
  const body: StageBody = {
    unit,
    record: arrival.record,
    timestampMs: arrival.timestampMs,
    inputEdge: arrival.edge,
    keyHash: arrival.keyHash,
    row,
    isGuarded,
    at: (site) => `at = ${site};`,
    attempt: (parts) =>
      isGuarded
        ? guardedAttempt(code, unit, arrival, parts)
        : `${parts.make((name) => `const ${name}`)}\n${parts.goOn()}`,
    freeze: (record) => (code.freezesRecords ? `${unit.bind(deepFreeze, 'freeze')}(${record});` : ''),
    next: (record, timestampMs) => behind(code, unit, node, { record, timestampMs, row }),
    side: (sideOutput, record, timestampMs) =>
      behind(code, unit, node, { sideOutput, record, timestampMs, row }),
  };
  return operator.stage.emit(body);
}

/** A failing record leaves its block; what else the loop does with the record that it came from goes on. */
function guardedAttempt(code: ChainCode, unit: CodeUnit, arrival: Arrival, parts: Attempt): string {
  const skip = unit.fresh('skip');
  const failures = unit.bind(code.failures, 'failures');
  const { record, timestampMs, row = '-1' } = arrival;
  return [
    `${skip}: {`,
    parts.names.length === 0 ? '' : `let ${parts.names.join(', ')};`,
    `try {\n${parts.make((name) => name)}\n} catch (error) { ${failures}.take(error, at, ${record}, ${timestampMs}, ${row}); break ${skip}; }`,
    parts.goOn(),
    '}',
  ].join('\n');
}

interface Departure {
  readonly sideOutput?: string | undefined;
  readonly record: string;
  readonly timestampMs: string;
  readonly row?: string;
}

/** The text of everything behind an output of `node`. */
function behind(code: ChainCode, unit: CodeUnit, node: ChainNode, departure: Departure): string {
  const { sideOutput, record, timestampMs, row = '-1' } = departure;
  const parts: string[] = [];
  for (const consumer of node.consumers) {
    if (consumer.edge.sideOutput !== sideOutput) continue;
    const entry = code.entries.get(consumer.node);
    parts.push(
      entry === undefined
        ? stageText(code, unit, consumer.node, { record, timestampMs, row, edge: consumer.edge })
        : `${unit.bind(entry, 'entry')}.enter(${record}, ${timestampMs});`,
    );
  }
  for (const port of code.ports.get(node) ?? []) {
    if (port.outgoing.edge.sideOutput !== sideOutput) continue;
    parts.push(emitOutput(unit, port, { record, timestampMs }, code));
  }
  return parts.map((part) => `{\n${part}\n}`).join('\n');
}
