// Writes the functions of one chain: a loop for each input and record form, and an emit function for each node.
import { literal, property, CodeUnit } from './code-unit.ts';
import { emitOutput, type OutputPort, type SentRecord } from './output-code.ts';
import {
  AskedRecord,
  LateRecord,
  madeRecord,
  type MakeRecord,
  type RecordCells,
  type RecordMaking,
  type RecordText,
} from './record-text.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { EMITTED_PER_LOOK, type Emission } from '../emission.ts';
import { recordAt, type BatchShape, type RecordBatch } from '@millrace/proto';
import type { SourceBatch, StreamEdge } from '@millrace/api';
import { PREFETCH_ROWS } from '@millrace/state';
import type { ChainNode } from '../chain-topology.ts';
import type { ChainMetrics } from '../operator-chain.ts';
import type { FieldsRead } from '../fields/fields-read.ts';
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
  readonly entries: Map<ChainNode, ChainEntry>;
  /** False: every record is made whole. */
  readonly prunesFields: boolean;
}

/** A node's code as a function, and what it reads of a record. */
export interface ChainEntry {
  enter: EmitFunction;
  fields: FieldsRead;
}

/** A loop that stopped has left the row at which it goes on in `emission.row`: it is called again with the same batch. */
export type BatchLoop = (batch: RecordBatch) => void;
/** Returns the greatest event time of the rows it went over, -Infinity when there was none. */
export type SourceLoop = (batch: SourceBatch<unknown>) => number;

interface Arrival {
  readonly record: RecordText;
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
    behind(code, unit, node, { sideOutput, record: madeRecord('record'), timestampMs: 'timestampMs' }),
  );
}

/** Returns the function that hands a record to `node`, for nodes with several inputs inside the chain. */
export function generateEntry(code: ChainCode, node: ChainNode): ChainEntry {
  const unit = new CodeUnit(`${code.codegenId} enter ${node.node.id}`);
  const record = new AskedRecord('record');
  const text = stageText(code, unit, node, { record, timestampMs: 'timestampMs', edge: undefined });
  return {
    enter: guardedEmit(code, unit, text),
    fields: code.prunesFields ? record.fields : 'all',
  };
}

/** Returns what a chain reads of the records that come to `head`, or needs to have them as they were. */
export function fieldsReadOf(code: ChainCode, head: ChainNode): FieldsRead {
  if (!code.prunesFields) return 'all';
  const record = new AskedRecord('record');
  const unit = new CodeUnit(`${code.codegenId} fields`);
  stageText(code, unit, head, { record, timestampMs: 'NaN', edge: undefined });
  return record.fields;
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
  const { shape } = batch;
  const columns = new ColumnText(shape);
  const again = `${unit.bind(recordAt, 'recordAt')}(batch, row)`;
  const record = lateRecord(code, {
    make: (name, fields, outer) =>
      frozen(code, unit, name, columns.declare(name, fields, outer !== undefined)),
    cells: (fields, outer) => columns.cells(fields, outer !== undefined),
    again,
    batch: 'batch',
  });
  const stages = stageText(code, unit, input.node, {
    record,
    timestampMs: 'timestampMs',
    edge: input.edge,
    row: 'row',
    ...(batch.hasKeyHashes ? { keyHash: 'hashes[row]' } : {}),
  });
  const prefetch = batch.hasKeyHashes ? prefetchText(unit, code.operators.get(input.node)) : '';
  const read = `${prefetch}\n${record.declaration()}\nconst timestampMs = timestamps[row];`;
  const prelude = [
    'const to = batch.rowCount, timestamps = batch.timestampsMs, hashes = batch.keyHashes;',
    columns.prelude('batch'),
  ].join('\n');
  return unit.compile(
    'batch',
    loopText(code, unit, { prelude, from: '0', read, stages, again, result: '' }),
  ) as BatchLoop;
}

/** Statement that fetches the state of the rows to come, a piece of the batch at a time. */
function prefetchText(unit: CodeUnit, operator: ChainOperator | undefined): string {
  if (operator?.prefetch === undefined) return '';
  return `if (row % ${PREFETCH_ROWS} === 0) ${unit.bind(operator, 'keyed')}.prefetch(hashes, row, to);`;
}

/** The columns of a shape's batches, as far as records made of them need them. */
class ColumnText {
  readonly #shape: BatchShape;
  /** By index: whether a row needs the column as soon as there is one. */
  readonly #used = new Map<number, boolean>();

  constructor(shape: BatchShape) {
    this.#shape = shape;
  }

  /** What is needed behind a condition only is decoded when the first row comes there. */
  declare(name: string, fields: FieldsRead, isConditional: boolean): string {
    const isWhole = !this.#shape.hasFields || typeof fields === 'string';
    const { text, columns } = this.#shape.emitRecord('row', isWhole ? undefined : fields);
    return `${this.#prepare(columns, isConditional)}\nconst ${name} = ${text};`;
  }

  cells(fields: FieldsRead, isConditional: boolean): RecordCells | undefined {
    const cells = this.#shape.emitFields('row', typeof fields === 'string' ? undefined : fields);
    if (cells === undefined) return undefined;
    const { names, values, columns } = cells;
    return { names, values, before: this.#prepare(columns, isConditional) };
  }

  #prepare(columns: ReadonlySet<number>, isConditional: boolean): string {
    const decoded: string[] = [];
    for (const column of columns) {
      const isLate = isConditional && this.#shape.isEncoded(column);
      this.#used.set(column, this.#used.get(column) === true || !isLate);
      if (isLate)
        decoded.push(
          `if (column$${column} === undefined) column$${column} = ${this.#shape.emitColumn('batch', column)};`,
        );
    }
    return decoded.join('\n');
  }

  prelude(batch: string): string {
    return [...this.#used]
      .map(
        ([column, isSoon]) =>
          `let column$${column}${isSoon ? ` = ${this.#shape.emitColumn(batch, column)}` : ''};`,
      )
      .join('\n');
  }
}

/** The record of a loop. Where nothing is pruned it is asked for as a whole from the start. */
function lateRecord(code: ChainCode, making: RecordMaking): LateRecord {
  const record = new LateRecord('record', making);
  if (!code.prunesFields) record.whole();
  return record;
}

function frozen(code: ChainCode, unit: CodeUnit, record: string, declaration: string): string {
  return code.freezesRecords ? `${declaration}\n${unit.bind(deepFreeze, 'freeze')}(${record});` : declaration;
}

/** Which loop a batch of a source needs: batches with equal answers share one. */
export function sourceForm(batch: SourceBatch<unknown>): string {
  if (batch.kind !== 'columns' && batch.kind !== 'computed') return batch.kind;
  return `${batch.kind} ${batch.columns.map((column) => literal(column.name)).join()}`;
}

/** Returns the loop over batches of a source, for all batches of the same {@link sourceForm}. */
export function generateSourceLoop(
  code: ChainCode,
  head: ChainNode,
  batch: SourceBatch<unknown>,
): SourceLoop {
  const unit = new CodeUnit(`${code.codegenId} source ${sourceForm(batch)}`);
  const again = `${unit.bind(sourceRecordAt, 'recordAt')}(batch, row)`;
  const reading = sourceReading(code, unit, batch, again);
  const { record } = reading;
  const stages = stageText(code, unit, head, { record, timestampMs: 'NaN', edge: undefined, row: 'row' });
  const read = reading.read();
  return unit.compile(
    'batch',
    loopText(code, unit, {
      prelude: `let maxMs = -Infinity;\n${reading.prelude()}`,
      from: reading.from,
      read,
      stages,
      again,
      result: 'return maxMs;',
    }),
  ) as SourceLoop;
}

interface SourceReading {
  readonly record: RecordText;
  readonly from: string;
  /** Asked for when the text that uses the record is written, and then what it reads from. */
  read(): string;
  prelude(): string;
}

function sourceReading(
  code: ChainCode,
  unit: CodeUnit,
  batch: SourceBatch<unknown>,
  again: string,
): SourceReading {
  const made = (prelude: string, from: string, make: string): SourceReading => ({
    record: madeRecord('record'),
    from,
    prelude: () => prelude,
    read: () => frozen(code, unit, 'record', `const record = ${make};`),
  });
  switch (batch.kind) {
    case 'records':
      return made('const records = batch.records, to = records.length;', '0', 'records[row]');
    case 'indexed':
      return made('const recordAt = batch.recordAt, to = batch.to;', 'batch.from', 'recordAt(row)');
    case 'columns':
    case 'computed':
      return columnReading(code, unit, batch, again);
  }
}

/** Columns of a source, with their values or with functions that compute them: these are called once a row. */
function columnReading(
  code: ChainCode,
  unit: CodeUnit,
  batch: Extract<SourceBatch<unknown>, { readonly columns: unknown }>,
  again: string,
): SourceReading {
  const isComputed = batch.kind === 'computed';
  const used = new Set<number>();
  const make: MakeRecord = (name, fields, outer) => {
    const cells = batch.columns.flatMap((column, index) => {
      if (typeof fields !== 'string' && !fields.has(column.name)) return [];
      if (isComputed && outer !== undefined && isField(column.name, outer.fields))
        return [property(column.name, `${outer.name}[${literal(column.name)}]`)];
      used.add(index);
      return [property(column.name, isComputed ? `column${index}(row)` : `column${index}[row]`)];
    });
    return frozen(code, unit, name, `const ${name} = { ${cells.join(', ')} };`);
  };
  // A field that is computed must not be computed twice: the key function has it from the record.
  const cells = (fields: FieldsRead): RecordCells | undefined => {
    if (isComputed) return undefined;
    const names: string[] = [];
    const values: string[] = [];
    batch.columns.forEach(({ name }, index) => {
      if (fields !== 'all' && !isField(name, fields)) return;
      used.add(index);
      names.push(name);
      values.push(`column${index}[row]`);
    });
    return { names, values, before: '' };
  };
  const record = lateRecord(code, { make, cells, again });
  return {
    record,
    from: isComputed ? 'batch.from' : '0',
    prelude: () =>
      [
        `const to = batch.${isComputed ? 'to' : 'rowCount'};`,
        ...[...used].map(
          (index) => `const column${index} = batch.columns[${index}].${isComputed ? 'valueAt' : 'values'};`,
        ),
      ].join('\n'),
    read: () => record.declaration(),
  };
}

function isField(name: string, fields: FieldsRead): boolean {
  return fields === 'all' || (fields !== 'none' && fields.has(name));
}

/** The record of one row, with all that the source gave, for an error. */
function sourceRecordAt(batch: SourceBatch<unknown>, row: number): unknown {
  switch (batch.kind) {
    case 'records':
      return batch.records[row];
    case 'indexed':
      return batch.recordAt(row);
    case 'columns':
      return Object.fromEntries(batch.columns.map(({ name, values }) => [name, values[row]]));
    case 'computed':
      return Object.fromEntries(batch.columns.map(({ name, valueAt }) => [name, valueAt(row)]));
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
  const stop = stopText(code, unit);
  return [
    loop.prelude,
    `let at = -1, out = 0, row = ${loop.from};`,
    stop.start,
    `try {\nfor (; row < to; row++) {\n${loop.read}\n${loop.stages}\n${stop.afterRow}\n}`,
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
    next: (record, timestampMs) => behind(code, unit, node, { record: recordText(record), timestampMs, row }),
    side: (sideOutput, record, timestampMs) =>
      behind(code, unit, node, { sideOutput, record: recordText(record), timestampMs, row }),
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
    `try {\n${parts.make((name) => name)}\n} catch (error) { ${failures}.take(error, at, ${record.again(true)}, ${timestampMs}, ${row}); break ${skip}; }`,
    parts.goOn(),
    '}',
  ].join('\n');
}

function recordText(record: RecordText | string): RecordText {
  return typeof record === 'string' ? madeRecord(record) : record;
}

interface Departure extends SentRecord {
  readonly sideOutput?: string | undefined;
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
        : `${unit.bind(entry, 'entry')}.enter(${record.having(entry.fields)}, ${timestampMs});`,
    );
  }
  for (const port of code.ports.get(node) ?? []) {
    if (port.outgoing.edge.sideOutput !== sideOutput) continue;
    parts.push(emitOutput(unit, port, { record, timestampMs }, code));
  }
  return parts.map((part) => `{\n${part}\n}`).join('\n');
}
