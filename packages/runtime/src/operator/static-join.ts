// Join with a static table, which every subtask reads whole when it opens.
import { isNullKey, MillraceError } from '@millrace/common';
import type { Operator, Source, SplitContext } from '@millrace/api';
import { fieldsRead, joinFields } from '../chain/fields/fields-read.ts';
import { identityOfKey } from './key-identity.ts';
import type { ChainOperator } from './chain-stage.ts';
import type { OperatorSetup } from './operator-setup.ts';

type StaticJoinSpec = Extract<Operator, { readonly kind: 'staticJoin' }>;

const READ_RECORDS = 4096;
/** Empty reads in a row after which a table counts as stuck. */
const EMPTY_READS_MAX = 100_000;

/**
 * Opens the join: reads the table. A record gets one result for each table row of its key.
 * @throws {MillraceError} MR_RECORD_MALFORMED for a table row that cannot be read
 */
export async function openStaticJoin(setup: OperatorSetup, spec: StaticJoinSpec): Promise<ChainOperator> {
  const { node, sites, emission } = setup;
  const tableSite = sites.register(node, 'table key function');
  const recordSite = sites.register(node, 'join key function');
  const combineSite = sites.register(node, 'join function');
  const tableKey = spec.tableKey as (row: unknown) => unknown;
  const rowsOfKey = new Map<unknown, unknown[]>();
  await readTable(setup, spec, (row) => {
    try {
      const key = tableKey(row);
      sites.refusePromise(key, tableSite);
      const identity = identityOfKey(key);
      const rows = rowsOfKey.get(identity);
      if (rows === undefined) rowsOfKey.set(identity, [row]);
      else rows.push(row);
    } catch (error) {
      throw sites.wrap(error, tableSite, row);
    }
  });
  const none: readonly unknown[] = spec.joinType === 'left' ? [undefined] : [];
  const otherKey = (key: unknown): readonly unknown[] => {
    sites.refusePromise(key, recordSite);
    return isNullKey(key) ? none : (rowsOfKey.get(identityOfKey(key)) ?? none);
  };
  const refuse = (value: unknown): void => sites.refusePromise(value, combineSite);
  return {
    node,
    stage: {
      kind: 'staticJoin',
      emitsMany: true,
      emit: (body) => {
        const { unit } = body;
        const key = unit.fresh('key');
        const rows = unit.fresh('rows');
        const index = unit.fresh('index');
        const joined = unit.fresh('joined');
        const isFirst = unit.fresh('isFirst');
        unit.declare(`let ${isFirst} = true;`);
        const table = unit.bind(rowsOfKey, 'table');
        const one = (goOn: () => string): string =>
          body.attempt({
            names: [joined],
            make: (declare) =>
              [
                body.at(combineSite),
                `${declare(joined)} = ${unit.bind(spec.combine, 'combine')}(${body.record.argument(spec.combine)}, ${rows}[${index}]);`,
                `if (${isFirst}) { ${isFirst} = false; ${unit.bind(refuse, 'check')}(${joined}); }`,
              ].join('\n'),
            goOn,
          });
        return body.attempt({
          names: [key, rows],
          make: (declare) =>
            [
              body.at(recordSite),
              `${declare(key)} = ${unit.bind(spec.recordKey, 'recordKey')}(${body.record.argument(spec.recordKey)});`,
              `${declare(rows)} = typeof ${key} === 'string' ? (${table}.get(${key}) ?? ${unit.bind(none, 'none')}) : ${unit.bind(otherKey, 'rowsOf')}(${key});`,
            ].join('\n'),
          goOn: () =>
            [
              `for (let ${index} = 0; ${index} < ${rows}.length; ${index}++) {`,
              one(() => `${body.freeze(joined)}\n${body.next(joined, body.timestampMs)}`),
              `} ${unit.bind(emission, 'emission')}.count += ${rows}.length;`,
            ].join('\n'),
        });
      },
    },
  };
}

async function readTable(
  setup: OperatorSetup,
  { table, tableKey, combine }: StaticJoinSpec,
  onRow: (row: unknown) => void,
): Promise<void> {
  const { environment } = setup;
  const read = joinFields(fieldsRead(tableKey), fieldsRead(combine, 1));
  const isPruned = environment.prunesFields !== false && read !== 'all';
  const context: SplitContext = {
    ...(isPruned ? { fields: read === 'none' ? [] : [...read] } : {}),
    files: environment.files,
    baseDirectory: environment.deployment.submission.baseDirectory,
    jobName: environment.deployment.jobName,
    subtaskIndex: environment.subtaskIndex,
    parallelism: environment.vertex.parallelism,
  };
  for (const split of await table.enumerate(context)) {
    const reader = await table.openSplit(split, undefined, context);
    try {
      let emptyReads = 0;
      for (
        let batch = await reader.read(READ_RECORDS);
        batch !== undefined;
        batch = await reader.read(READ_RECORDS)
      ) {
        const malformed = batch.malformed?.[0];
        if (malformed !== undefined) {
          throw new MillraceError(
            'MR_RECORD_MALFORMED',
            `Cannot read static table "${table.name}" at ${malformed.position}: ${malformed.reason}`,
            { details: { ...malformed } },
          );
        }
        const count = rowsOf(batch, onRow);
        emptyReads = count === 0 ? emptyReads + 1 : 0;
        if (emptyReads > EMPTY_READS_MAX) {
          throw new MillraceError(
            'MR_SOURCE_READ',
            `Cannot read static table "${table.name}": split "${split.id}" gives no records and does not end; a static table must be bounded`,
          );
        }
      }
    } finally {
      await reader.close?.();
    }
  }
}

function rowsOf(
  batch: NonNullable<Awaited<ReturnType<Awaited<ReturnType<Source<unknown>['openSplit']>>['read']>>>,
  onRow: (row: unknown) => void,
): number {
  switch (batch.kind) {
    case 'records':
      for (const record of batch.records) onRow(record);
      return batch.records.length;
    case 'indexed':
      for (let index = batch.from; index < batch.to; index++) onRow(batch.recordAt(index));
      return batch.to - batch.from;
    case 'columns':
      for (let row = 0; row < batch.rowCount; row++) {
        onRow(Object.fromEntries(batch.columns.map((column) => [column.name, column.values[row]])));
      }
      return batch.rowCount;
    case 'computed':
      for (let row = batch.from; row < batch.to; row++) {
        onRow(Object.fromEntries(batch.columns.map((column) => [column.name, column.valueAt(row)])));
      }
      return batch.to - batch.from;
  }
}
