// Text that sends a record out over an edge of the vertex.
import { unreachable } from '@millrace/common';
import type { RankFilter } from '../../operator/changelog/rank-filter.ts';
import { rowKeyOf } from '../../operator/join/row-key.ts';
import type { PartialAggregates } from '../../operator/window/partial-aggregates.ts';
import type { OutgoingEdge } from '../chain-topology.ts';
import type { ChainOutput } from '../operator-chain.ts';
import type { RecordFailures } from '../record-failures.ts';
import type { FieldsRead } from '../fields/fields-read.ts';
import type { ErrorSites } from '../user-error.ts';
import { property, type CodeUnit } from './code-unit.ts';
import { madeRecord, type RecordCells, type RecordText } from './record-text.ts';
import { callKeySelector, emitChannel, emitHash, refusingPromises } from './key-code.ts';

/** Fields that are copied one by one at most; a wider record goes as an object. */
const COPIED_FIELDS_MAX = 32;

/** Where round robin goes next; an object, so that loops and emit functions share it. */
export interface RoundRobin {
  next: number;
}

/** An outgoing edge with what its text needs beyond the edge. */
export interface OutputPort {
  readonly outgoing: OutgoingEdge;
  readonly roundRobin: RoundRobin;
  readonly partials: PartialAggregates | undefined;
  /** Leaves out what a top-N behind the edge would leave out. */
  readonly ranks: RankFilter | undefined;
  readonly keySite: number;
  /** What the consumer reads of its records: only that is sent of a record that is still columns. */
  readonly fields: FieldsRead;
}

export interface SentRecord {
  readonly record: RecordText;
  readonly timestampMs: string;
}

/** What the text needs of the chain. */
interface SendingChain {
  readonly keyGroupCount: number;
  readonly sites: ErrorSites;
  readonly failures: RecordFailures;
}

/** Returns the statements that send one record; they count it in the local `out`. */
export function emitOutput(unit: CodeUnit, port: OutputPort, sent: SentRecord, chain: SendingChain): string {
  const { consumer, edge } = port.outgoing;
  const rowKey = rowKeyOf(consumer, edge);
  if (rowKey === undefined) return emitTo(unit, port, sent, chain);
  const outgoing = { ...port.outgoing, edge: { ...edge, keySelector: rowKey } };
  const { record, timestampMs } = sent;
  if (record.inserted !== undefined)
    return emitTo(unit, { ...port, outgoing }, { record: record.inserted, timestampMs }, chain);
  const row = unit.fresh('row');
  const text = emitTo(unit, { ...port, outgoing }, { record: madeRecord(row), timestampMs }, chain);
  return `const ${row} = ${record.field('row')};\n${text}`;
}

function emitTo(unit: CodeUnit, port: OutputPort, sent: SentRecord, chain: SendingChain): string {
  const { output, edge } = port.outgoing;
  const { record } = sent;
  const append = (channel: string, hash: string): string => appendText(unit, port, sent, { channel, hash });
  const partitioning = output.edge.partitioning;
  switch (partitioning) {
    case 'forward':
    case 'global':
      return `out++; ${append('0', '0')}`;
    case 'broadcast': {
      const channel = unit.fresh('channel');
      return `out++; for (let ${channel} = 0; ${channel} < ${output.channelCount}; ${channel}++) { ${append(channel, '0')} }`;
    }
    case 'rebalance': {
      const turn = unit.bind(port.roundRobin, 'turn');
      const channel = unit.fresh('channel');
      return [
        `out++; const ${channel} = ${turn}.next;`,
        `${turn}.next = ${channel} + 1 === ${output.channelCount} ? 0 : ${channel} + 1;`,
        append(channel, '0'),
      ].join('\n');
    }
    case 'hash': {
      if (port.partials !== undefined) return port.partials.emitRecord(unit, sent, port.keySite);
      const selector = edge.keySelector;
      const key = unit.fresh('key');
      const hash = unit.fresh('hash');
      const channelOf = { keyGroupCount: chain.keyGroupCount, channelCount: output.channelCount };
      const keyText = selector === undefined ? record.whole() : callKeySelector(unit, selector, record);
      const hashText = emitHash(unit, key, refusingPromises(chain.sites, port.keySite));
      if (port.outgoing.consumer.onError !== undefined) {
        return [
          `at = ${port.keySite}; out++; let ${hash} = 0;`,
          `try { const ${key} = ${keyText}; ${hash} = ${hashText}; } catch (error) { ${unit.bind(chain.failures, 'failures')}.passOn(error, at); }`,
          append(emitChannel(unit, hash, channelOf), hash),
        ].join('\n');
      }
      const send = emitChannel(unit, hash, channelOf);
      const found = `at = ${port.keySite}; const ${key} = ${keyText}, ${hash} = ${hashText};`;
      const { ranks } = port;
      if (ranks === undefined) return `${found} out++;\n${append(send, hash)}`;
      return `${found}\n${rankedText(unit, { ...port, ranks }, sent, { channel: send, key, hash })}`;
    }
    case 'assignment':
      return '';
    default:
      return unreachable(partitioning);
  }
}

/** Only a record that may come to be among the first is made, and sent. */
function rankedText(
  unit: CodeUnit,
  port: OutputPort & { readonly ranks: RankFilter },
  { record, timestampMs }: SentRecord,
  to: { readonly channel: string; readonly key: string; readonly hash: string },
): string {
  const ranks = unit.bind(port.ranks, 'ranks');
  const measure = `${ranks}.measureOf(${record.argument(port.ranks.by)})`;
  const sent = record.behindCondition(unit);
  const append = appendText(unit, port, { record: sent.record, timestampMs }, to);
  return [
    `if (${ranks}.passes(${to.key}, ${to.hash}, ${measure})) {`,
    'out++;',
    sent.declaration(),
    append,
    '}',
  ].join('\n');
}

/** A record that is still columns is copied column by column; any other is given as it is. */
function appendText(
  unit: CodeUnit,
  { outgoing: { output }, fields }: OutputPort,
  { record, timestampMs }: SentRecord,
  to: { readonly channel: string; readonly hash: string },
): string {
  const cells = output.fieldAppender === undefined ? undefined : record.cells(fields);
  if (cells === undefined || cells.names.length > COPIED_FIELDS_MAX)
    return `${unit.bind(output, 'output')}.append(${to.channel}, ${record.having(fields)}, ${timestampMs}, ${to.hash});`;
  return `${cells.before}\n${appendFieldsText(unit, output, cells, { ...to, timestampMs })}`;
}

/** Statement that sends a record that is its fields only, as columns where the output takes them. */
export function appendFieldsText(
  unit: CodeUnit,
  output: ChainOutput,
  { names, values }: Pick<RecordCells, 'names' | 'values'>,
  to: { readonly channel: string; readonly timestampMs: string; readonly hash: string },
): string {
  if (output.fieldAppender === undefined) {
    const fields = names.map((name, index) => property(name, values[index] ?? 'undefined'));
    return `${unit.bind(output, 'output')}.append(${to.channel}, { ${fields.join(', ')} }, ${to.timestampMs}, ${to.hash});`;
  }
  const appender = unit.bind(output.fieldAppender(names), 'fields');
  return `${appender}.append(${[to.channel, to.timestampMs, to.hash, ...values].join(', ')});`;
}
