// Stages without state: map, filter, flatMap, union, forEach.
import type { StreamNode, UserFunction } from '@millrace/api';
import { LateRecord } from '../chain/codegen/record-text.ts';
import { INLINE_RESULTS_MAX, STOPPED, type Emission } from '../chain/emission.ts';
import type { RecordFailures } from '../chain/record-failures.ts';
import type { ErrorSites } from '../chain/user-error.ts';
import type { ChainOperator, ChainStage, OperatorOutput, StageBody } from './chain-stage.ts';

interface Setup {
  readonly node: StreamNode;
  readonly sites: ErrorSites;
  readonly output: OperatorOutput;
}

interface EmittingSetup extends Setup {
  readonly failures: RecordFailures;
  readonly emission: Emission;
}

/** One record for each record. The first result of each batch is checked for a promise. */
export function mapOperator(setup: Setup, map: UserFunction): ChainOperator {
  const site = setup.sites.register(setup.node, 'map function');
  const refuse = (value: unknown): void => setup.sites.refusePromise(value, site);
  return operatorOf(setup.node, {
    kind: 'map',
    emit: (body) => {
      const mapped = body.unit.fresh('mapped');
      return body.attempt({
        names: [mapped],
        make: (declare) =>
          `${body.at(site)} ${declare(mapped)} = ${body.unit.bind(map, 'map')}(${body.record.argument(map)});\n${checkFirst(body, mapped, refuse)}`,
        goOn: () => `${body.freeze(mapped)}\n${body.next(mapped, body.timestampMs)}`,
      });
    },
  });
}

/** The insert of each record, which is made where somebody asks for more than the record. */
export function insertsOperator(node: StreamNode, insertOf: UserFunction): ChainOperator {
  return operatorOf(node, {
    kind: 'map',
    emit: (body) => {
      const { unit, record: row } = body;
      const insert = unit.bind(insertOf, 'insertOf');
      const record = new LateRecord(unit.fresh('inserted'), {
        make: (name) => `const ${name} = ${insert}(${row.whole()}); ${body.freeze(name)}`,
        cells: () => undefined,
        again: `${insert}(${row.again(false)})`,
        inserted: row,
      });
      const rest = body.next(record, body.timestampMs);
      return `${record.declaration()}\n${rest}`;
    },
  });
}

/** Text that hands the first `value` of each batch to `check`. */
export function checkFirst(body: StageBody, value: string, check: (value: unknown) => void): string {
  const isFirst = body.unit.fresh('isFirst');
  body.unit.declare(`let ${isFirst} = true;`);
  return `if (${isFirst}) { ${isFirst} = false; ${body.unit.bind(check, 'check')}(${value}); }`;
}

/** Passes on records for which the function returns something true; anything but a boolean is looked at for a promise. */
export function filterOperator(setup: Setup, filter: UserFunction): ChainOperator {
  const site = setup.sites.register(setup.node, 'filter function');
  const isTruthy = (value: unknown): boolean => {
    setup.sites.refusePromise(value, site);
    return Boolean(value);
  };
  return operatorOf(setup.node, {
    kind: 'filter',
    emit: (body) => {
      const kept = body.unit.fresh('kept');
      return body.attempt({
        names: [kept],
        make: (declare) =>
          `${body.at(site)} ${declare(kept)} = ${body.unit.bind(filter, 'filter')}(${body.record.argument(filter)});`,
        goOn: () => {
          const passed = body.record.behindCondition(body.unit);
          const rest = body.next(passed.record, body.timestampMs);
          return [
            `if (${kept} === true || (${kept} !== false && ${body.unit.bind(isTruthy, 'isTruthy')}(${kept}))) {`,
            passed.declaration(),
            rest,
            '}',
          ].join('\n');
        },
      });
    },
  });
}

/** All records that the function returns, an array or another iterable. */
export function flatMapOperator(setup: EmittingSetup, flatMap: UserFunction): ChainOperator {
  const site = setup.sites.register(setup.node, 'flatMap function');
  /** What is no short array: outside the loop, from a cursor that survives a stop. */
  const emitIterable = (results: unknown, timestampMs: number, record: unknown, row: number): void => {
    setup.sites.refusePromise(results, site);
    if (results === undefined || results === null) return;
    const onError = (error: unknown): void => setup.failures.take(error, site, record, timestampMs, row);
    if (
      typeof results === 'string' ||
      typeof (results as Iterable<unknown>)[Symbol.iterator] !== 'function'
    ) {
      const returned = typeof results;
      onError(
        new TypeError(
          `a flatMap function returns an array or another iterable, but this one returned ${returned}`,
        ),
      );
      return;
    }
    const { emit } = setup.output;
    setup.emission.emitAll(results as Iterable<unknown>, { timestampMs, emit, onError });
  };
  return operatorOf(setup.node, {
    kind: 'flatMap',
    emitsMany: true,
    emit: (body) => {
      const results = body.unit.fresh('results');
      return body.attempt({
        names: [results],
        make: (declare) =>
          `${body.at(site)} ${declare(results)} = ${body.unit.bind(flatMap, 'flatMap')}(${body.record.argument(flatMap)});`,
        goOn: () =>
          emitElements(body, setup.emission, {
            array: results,
            other: body.unit.bind(emitIterable, 'emitIterable'),
          }),
      });
    },
  });
}

/** Text that sends the elements of a short array on in line, and gives anything else to `other`. */
export function emitElements(
  body: StageBody,
  emission: Emission,
  names: { readonly array: string; readonly other: string },
): string {
  const { array, other } = names;
  const index = body.unit.fresh('index');
  const element = body.unit.fresh('element');
  const emitted = `${body.unit.bind(emission, 'emission')}.count`;
  return [
    `if (Array.isArray(${array}) && ${array}.length <= ${INLINE_RESULTS_MAX} && ${emitted} < ${STOPPED}) {`,
    `for (let ${index} = 0; ${index} < ${array}.length; ${index}++) {`,
    `const ${element} = ${array}[${index}];`,
    body.freeze(element),
    body.next(element, body.timestampMs),
    `} ${emitted} += ${array}.length;`,
    `} else { ${other}(${array}, ${body.timestampMs}, ${body.record.again(body.isGuarded)}, ${body.row}); }`,
  ].join('\n');
}

/** Hands records on as they are; several edges lead to it. */
export function unionOperator(node: StreamNode): ChainOperator {
  return operatorOf(node, { kind: 'union', emit: (body) => body.next(body.record, body.timestampMs) });
}

/** Calls a function for each record; a promise is refused. */
export function forEachOperator(setup: Setup, forEach: UserFunction): ChainOperator {
  const site = setup.sites.register(setup.node, 'forEach function');
  const refuse = (value: unknown): void => setup.sites.refusePromise(value, site);
  return operatorOf(setup.node, {
    kind: 'forEach',
    emit: (body) => {
      const returned = body.unit.fresh('returned');
      return body.attempt({
        names: [returned],
        make: (declare) =>
          `${body.at(site)} out++; ${declare(returned)} = ${body.unit.bind(forEach, 'forEach')}(${body.record.argument(forEach)}, ${body.timestampMs});`,
        goOn: () => `if (${returned} !== undefined) ${body.unit.bind(refuse, 'refuse')}(${returned});`,
      });
    },
  });
}

export function operatorOf(node: StreamNode, stage: ChainStage): ChainOperator {
  return { node, stage };
}
