// Text that sends a record out over an edge of the vertex.
import { unreachable } from '@millrace/common';
import type { PartialAggregates } from '../../operator/window/partial-aggregates.ts';
import type { OutgoingEdge } from '../chain-topology.ts';
import type { RecordFailures } from '../record-failures.ts';
import type { FieldsRead } from '../fields/fields-read.ts';
import type { ErrorSites } from '../user-error.ts';
import type { CodeUnit } from './code-unit.ts';
import type { RecordText } from './record-text.ts';
import { callKeySelector, emitChannel, emitHash, refusingPromises } from './key-code.ts';

/** Where round robin goes next; an object, so that loops and emit functions share it. */
export interface RoundRobin {
  next: number;
}

/** An outgoing edge with what its text needs beyond the edge. */
export interface OutputPort {
  readonly outgoing: OutgoingEdge;
  readonly roundRobin: RoundRobin;
  readonly partials: PartialAggregates | undefined;
  readonly keySite: number;
  /** What the consumer reads of its records: only that is sent of a record that is still columns. */
  readonly fields: FieldsRead;
}

export interface SentRecord {
  readonly record: RecordText;
  readonly timestampMs: string;
}

/** Returns the statements that send one record; they count it in the local `out`. */
export function emitOutput(
  unit: CodeUnit,
  port: OutputPort,
  sent: SentRecord,
  chain: {
    readonly keyGroupCount: number;
    readonly sites: ErrorSites;
    readonly failures: RecordFailures;
  },
): string {
  const { output, edge } = port.outgoing;
  const target = unit.bind(output, 'output');
  const { record, timestampMs } = sent;
  const partitioning = output.edge.partitioning;
  switch (partitioning) {
    case 'forward':
    case 'global':
      return `out++; ${target}.append(0, ${record.having(port.fields)}, ${timestampMs}, 0);`;
    case 'broadcast': {
      const channel = unit.fresh('channel');
      return `out++; for (let ${channel} = 0; ${channel} < ${output.channelCount}; ${channel}++) ${target}.append(${channel}, ${record.having(port.fields)}, ${timestampMs}, 0);`;
    }
    case 'rebalance': {
      const turn = unit.bind(port.roundRobin, 'turn');
      const channel = unit.fresh('channel');
      return [
        `out++; const ${channel} = ${turn}.next;`,
        `${turn}.next = ${channel} + 1 === ${output.channelCount} ? 0 : ${channel} + 1;`,
        `${target}.append(${channel}, ${record.having(port.fields)}, ${timestampMs}, 0);`,
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
          `${target}.append(${emitChannel(unit, hash, channelOf)}, ${record.having(port.fields)}, ${timestampMs}, ${hash});`,
        ].join('\n');
      }
      return [
        `at = ${port.keySite}; out++;`,
        `const ${key} = ${keyText};`,
        `const ${hash} = ${hashText};`,
        `${target}.append(${emitChannel(unit, hash, channelOf)}, ${record.having(port.fields)}, ${timestampMs}, ${hash});`,
      ].join('\n');
    }
    case 'assignment':
      return '';
    default:
      return unreachable(partitioning);
  }
}
