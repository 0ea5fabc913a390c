// What is read of the records on an edge of the graph, by all operators that they come to as they are: with it a producer
// leaves out what its consumer, in another slot, would only carry along.
import type {
  AggregateSpec,
  ChangelogOperator,
  StreamEdge,
  StreamGraph,
  StreamNode,
  WindowSpec,
} from '@millrace/api';
import { topNFields } from '../../operator/aggregate/top-n.ts';
import { fieldsRead, joinFields, type FieldsRead } from './fields-read.ts';

/**
 * Returns what `consumer` and those behind it read of the records that come over `edge`. Both sides of an edge have the same
 * program, so that each finds the same.
 */
export function edgeFields(graph: StreamGraph, consumer: StreamNode, edge: StreamEdge): FieldsRead {
  const { keySelector, partitioning } = edge;
  // Without a selector the record is its own key.
  const key: FieldsRead =
    keySelector !== undefined ? fieldsRead(keySelector) : partitioning === 'hash' ? 'all' : 'none';
  return joinFields(key, nodeFields(graph, consumer));
}

/** Graphs have no cycles: an input has a smaller id than its node. */
function nodeFields(graph: StreamGraph, node: StreamNode): FieldsRead {
  const { operator } = node;
  // A record that may become a dead letter is kept as it came.
  if (node.onError !== undefined) return 'all';
  switch (operator.kind) {
    case 'map':
      return fieldsRead(operator.map);
    case 'flatMap':
      return fieldsRead(operator.flatMap);
    case 'forEach':
      return fieldsRead(operator.forEach);
    case 'process':
      return fieldsRead(operator.process.onRecord);
    case 'coProcess': {
      const { onRecord, onSecond } = operator.process;
      return joinFields(fieldsRead(onRecord), onSecond === undefined ? 'none' : fieldsRead(onSecond));
    }
    case 'staticJoin':
      return joinFields(fieldsRead(operator.recordKey), fieldsRead(operator.combine));
    case 'print':
      return operator.format === undefined || operator.isOfChanges === true
        ? 'all'
        : fieldsRead(operator.format);
    case 'sink':
    case 'pattern':
    case 'join':
    case 'reduce':
    // What queries ask for is known when they come.
    case 'percolate':
    // It is kept for as long as it is in flight, in checkpoints as well.
    case 'asyncWait':
      return 'all';
    case 'aggregate':
      return aggregateFields(operator.aggregates);
    case 'window':
      return windowFields(graph, node, operator);
    case 'filter':
      return joinFields(fieldsRead(operator.filter), outputFields(graph, node, undefined));
    case 'watermarks': {
      const { watermarks } = operator;
      // A generator may read anything: it is made when the job runs.
      if (watermarks.kind === 'custom') return 'all';
      const time: FieldsRead = watermarks.kind === 'bounded' ? fieldsRead(watermarks.timestamp) : 'none';
      return joinFields(time, outputFields(graph, node, undefined));
    }
    case 'union':
    case 'source':
      return outputFields(graph, node, undefined);
    // They keep rows, hand them on, or read them as changes.
    default:
      return changelogFields(operator);
  }
}

function changelogFields(operator: ChangelogOperator): FieldsRead {
  return operator.kind === 'groupAggregate' && !operator.isOfChanges
    ? aggregateFields(operator.aggregates)
    : 'all';
}

/** Records that come too late go on as they are. */
function windowFields(graph: StreamGraph, node: StreamNode, operator: WindowSpec): FieldsRead {
  if (operator.function.kind !== 'aggregate' || operator.strategy === 'windows') return 'all';
  const late = operator.lateOutput === undefined ? 'none' : outputFields(graph, node, operator.lateOutput);
  const { assigner } = operator;
  const gap = assigner.kind === 'session' && assigner.gap !== undefined ? fieldsRead(assigner.gap) : 'none';
  return joinFields(joinFields(aggregateFields(operator.function.aggregates), gap), late);
}

function outputFields(graph: StreamGraph, node: StreamNode, sideOutput: string | undefined): FieldsRead {
  let fields: FieldsRead = 'none';
  for (const consumer of graph.nodes) {
    for (const edge of consumer.inputs) {
      if (edge.from === node.id && edge.sideOutput === sideOutput)
        fields = joinFields(fields, edgeFields(graph, consumer, edge));
      if (fields === 'all') return fields;
    }
  }
  return fields;
}

/** What aggregates read of a record. */
export function aggregateFields(aggregates: { readonly [name: string]: AggregateSpec }): FieldsRead {
  let fields: FieldsRead = 'none';
  for (const spec of Object.values(aggregates)) fields = joinFields(fields, specFields(spec));
  return fields;
}

function specFields(spec: AggregateSpec): FieldsRead {
  const { where } = spec;
  return where === undefined ? functionFields(spec) : joinFields(fieldsRead(where), functionFields(spec));
}

function functionFields(spec: AggregateSpec): FieldsRead {
  switch (spec.kind) {
    case 'count':
      return 'none';
    case 'topN':
      return topNFields(spec);
    case 'sketch':
      return joinFields(
        fieldsRead(spec.select),
        spec.weight === undefined ? 'none' : fieldsRead(spec.weight),
      );
    case 'custom':
      return fieldsRead(spec.add, 1);
    default:
      return fieldsRead(spec.select);
  }
}
