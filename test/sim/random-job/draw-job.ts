// Draws a random job: some sources, some steps on streams that are open, a sink for each stream that is left.
import { Prng } from '@millrace/common';
import {
  drawMaking,
  drawTableJoin,
  drawTableStep,
  isStateful,
  shapeBehind,
  shapeOf,
  type OpenTable,
} from './draw-tables.ts';
import type { JobSpec, NodeSpec, Ref, SourceSpec, StepSpec, StreamFacts, WindowShape } from './job-spec.ts';
import type { PatternSpec } from './event-order.ts';
import type { StreamJoin } from './stream-join.ts';

interface OpenStream extends StreamFacts {
  readonly ref: Ref;
  /** Keyed steps on its way: each makes channels between all subtasks. */
  readonly depth: number;
  /** Nothing reads it yet. */
  isOpen: boolean;
}

const DEPTH_MAX = 3;
/** What the join of two streams counts: each record may be there several times behind it. */
const JOIN_DEPTH = 2;
const SOURCES_MAX = 3;
/** Share of the jobs whose sources wait for each other. */
const ALIGNED_SHARE = 0.1;
/** Share of the steps that make a table of their stream, and of those that go on with a table where there is one. */
const TABLE_SHARE = 0.12;
/** Share of the jobs that are about tables: many changes of few keys, joined. */
const TABULAR_SHARE = 0.12;
const TABLE_SHARE_TABULAR = 0.7;
const TABLE_STEP_SHARE = 0.5;
const STEPS_MAX = 7;
/** Nodes that are one operator each: they may have a parallelism of their own. */
const ONE_OPERATOR = new Set<NodeSpec['kind']>([
  'source',
  'map',
  'filter',
  'flatMap',
  'rekey',
  'join',
  'route',
  'ask',
  'keep',
  'timers',
  'sink',
]);
const KEYED = new Set<StepSpec['kind']>([
  'count',
  'reduce',
  'keep',
  'timers',
  'window',
  'countWindow',
  'pattern',
  'first',
]);

/**
 * Steps whose results are among those of more records, however often each comes: what a job gives whose checkpoints do not
 * align can be compared.
 */
const MONOTONE = new Set<NodeSpec['kind']>([
  'map',
  'filter',
  'flatMap',
  'rekey',
  'spread',
  'join',
  'route',
  'ask',
  'count',
  'reduce',
  'countWindow',
]);

/** Draws the job of a seed; subtasks of one operator at most `parallelism`. `isAtLeastOnce`: records may be processed twice. */
export function drawJob(
  seed: number,
  of: { readonly parallelism: number; readonly isAtLeastOnce: boolean },
): JobSpec {
  return new JobDraw(new Prng(seed ^ 0x68bc21eb), of).draw();
}

class JobDraw {
  readonly #prng: Prng;
  readonly #parallelism: number;
  readonly #isAtLeastOnce: boolean;
  readonly #nodes: NodeSpec[] = [];
  readonly #streams: OpenStream[] = [];
  readonly #tables: OpenTable[] = [];
  #isTabular = false;

  constructor(prng: Prng, of: { readonly parallelism: number; readonly isAtLeastOnce: boolean }) {
    this.#prng = prng;
    this.#parallelism = of.parallelism;
    this.#isAtLeastOnce = of.isAtLeastOnce;
  }

  draw(): JobSpec {
    const sourceCount = 1 + this.#prng.below(SOURCES_MAX);
    const isBounded = this.#prng.next() < 0.8;
    const isAligned = this.#prng.next() < ALIGNED_SHARE;
    this.#isTabular = this.#prng.next() < TABULAR_SHARE && !this.#isAtLeastOnce;
    for (let index = 0; index < sourceCount; index++)
      this.#addSource(isBounded || this.#prng.next() < 0.4, isAligned);
    const stepCount = 1 + this.#prng.below(STEPS_MAX);
    for (let index = 0; index < stepCount; index++) {
      if (this.#tables.length > 0 && this.#prng.next() < TABLE_STEP_SHARE) this.#addTableStep();
      else if (this.#streams.length > 1 && this.#prng.next() < 0.3) this.#addTogether();
      else this.#addStep(this.#anyStream());
    }
    for (const stream of this.#streams.filter(({ isOpen }) => isOpen)) this.#addSink(stream);
    for (const { ref } of this.#tables.filter(({ isOpen }) => isOpen)) this.#addSink({ ref, isTimed: false });
    return { nodes: this.#nodes };
  }

  #pick<T>(...choices: readonly [T, ...T[]]): T {
    return choices[this.#prng.below(choices.length)] ?? choices[0];
  }

  /** One that nobody reads yet, or another one once more. */
  #anyStream(): OpenStream {
    const open = this.#streams.filter(({ isOpen }) => isOpen);
    const among = this.#prng.next() < 0.2 || open.length === 0 ? this.#streams : open;
    const stream = among[this.#prng.below(among.length)];
    if (stream === undefined) throw new Error('a job has a source');
    stream.isOpen = false;
    return stream;
  }

  #add(node: (id: number) => NodeSpec): { readonly ref: Ref; readonly width: number } {
    const id = this.#nodes.length;
    const drawn = node(id);
    const hasOwn = ONE_OPERATOR.has(drawn.kind) && this.#parallelism > 1 && this.#prng.next() < 0.2;
    if (hasOwn) this.#nodes.push({ ...drawn, parallelism: 1 + this.#prng.below(this.#parallelism) });
    else this.#nodes.push(drawn);
    // One of its own may be any other after a rescale.
    return { ref: { node: id }, width: hasOwn ? -id - 1 : this.#parallelism };
  }

  #addSource(isBounded: boolean, isAligned: boolean): void {
    const spec: SourceSpec = {
      kind: 'source',
      isBounded,
      splits: this.#isTabular ? this.#pick(1, 2) : this.#pick(1, 2, 3, 5),
      recordsPerSplit: this.#isTabular ? this.#pick(20, 40) : this.#pick(1, 10, 20, 40),
      keyCount: this.#isTabular ? this.#pick(1, 3) : this.#pick(1, 3, 5, 12),
      chunkRecords: this.#pick(1, 5, 50),
      stepMs: this.#pick(10, 100, 500),
      disorderMs: this.#pick(0, 0, 300, 1_000),
      isRated: this.#prng.next() < 0.8 || this.#isTabular,
      ...(isAligned ? { driftMs: this.#pick(1, 100, 1_000) } : {}),
      ...(!isBounded && this.#prng.next() < 0.5 ? { isNeverIdle: true } : {}),
    };
    const { ref, width } = this.#add((id) => ({ id, ...spec }));
    const facts = { isTimed: true, isOrdered: true, isGapless: true, isBounded, width };
    this.#streams.push({ ref, ...facts, depth: 0, isOpen: true });
  }

  /** Two streams in one operator. */
  #addTogether(): void {
    switch (this.#prng.below(this.#isAtLeastOnce ? 4 : 10)) {
      case 0:
      case 1:
        return this.#addUnion();
      case 2:
      case 3:
        return this.#addConnected(this.#pick('map', 'pairs'));
      case 4:
      case 5:
        return this.#addStreamJoin();
      case 6:
        return this.#addTemporalJoin();
      default:
        return this.#addBroadcast(this.#pick('plain', 'keyed'));
    }
  }

  #addConnected(how: 'map' | 'pairs'): void {
    const [a, b] = [this.#anyStream(), this.#anyStream()];
    const { ref, width } = this.#add((id) => ({ id, kind: 'connect', how, inputs: [a.ref, b.ref] }));
    const isStraight = a.width === width && b.width === width;
    const depth = Math.max(a.depth, b.depth);
    const isBounded = a.isBounded && b.isBounded;
    if (how === 'pairs') {
      const facts = { isTimed: false, isOrdered: true, isGapless: true, isBounded, width };
      this.#streams.push({ ref, ...facts, depth: depth + 1, isOpen: true });
      return;
    }
    this.#streams.push({
      ref,
      isTimed: a.isTimed && b.isTimed,
      isOrdered: a.isOrdered && b.isOrdered && isStraight,
      isGapless: a.isGapless && b.isGapless && isStraight,
      isBounded,
      width,
      depth,
      isOpen: true,
    });
  }

  /** Of streams with event times; others are connected. Behind one there is no other: pairs of pairs would be too many. */
  #addStreamJoin(): void {
    const timed = this.#streams.filter(({ isTimed, depth }) => isTimed && depth + JOIN_DEPTH <= DEPTH_MAX);
    const [a, b] = [timed[this.#prng.below(timed.length)], timed[this.#prng.below(timed.length)]];
    if (a === undefined || b === undefined) return this.#addConnected('pairs');
    a.isOpen = false;
    b.isOpen = false;
    const isBounded = a.isBounded && b.isBounded;
    // What stands alone at the end of an input that never ends hangs on when its splits count as idle.
    const joinType = isBounded ? this.#pick('inner', 'left', 'right', 'full') : 'inner';
    const lowerMs = this.#pick(-500, -100, 0, 50);
    const join: StreamJoin =
      this.#prng.next() < 0.6
        ? { how: 'interval', joinType, lowerMs, upperMs: lowerMs + this.#pick(0, 100, 600) }
        : { how: 'window', joinType, sizeMs: this.#pick(100, 500, 2_000) };
    const { ref, width } = this.#add((id) => ({ id, kind: 'joinStreams', join, inputs: [a.ref, b.ref] }));
    const facts = { isTimed: true, isOrdered: false, isGapless: false, isBounded, width };
    this.#streams.push({ ref, ...facts, depth: Math.max(a.depth, b.depth) + JOIN_DEPTH, isOpen: true });
  }

  /** Of streams with event times; the second one has the versions. */
  #addTemporalJoin(): void {
    const timed = this.#streams.filter(({ isTimed, depth }) => isTimed && depth < DEPTH_MAX);
    const [a, b] = [timed[this.#prng.below(timed.length)], timed[this.#prng.below(timed.length)]];
    if (a === undefined || b === undefined) return this.#addConnected('pairs');
    a.isOpen = false;
    b.isOpen = false;
    const joinType = this.#pick('inner', 'left');
    const { ref, width } = this.#add((id) => ({ id, kind: 'temporal', joinType, inputs: [a.ref, b.ref] }));
    const isBounded = a.isBounded && b.isBounded;
    const facts = { isTimed: true, isOrdered: false, isGapless: false, isBounded, width };
    this.#streams.push({ ref, ...facts, depth: Math.max(a.depth, b.depth) + 1, isOpen: true });
  }

  #addTable(from: OpenStream): void {
    const making = drawMaking(this.#prng, from, from.width === this.#parallelism);
    const { ref } = this.#add((id) => ({ id, kind: 'table', input: from.ref, making }));
    const depth = from.depth + (making.how === 'rows' ? 0 : 1);
    this.#tables.push({ ref, isBounded: from.isBounded, depth, ...shapeOf(making), isOpen: true });
  }

  #addTableStep(): void {
    const [a, b] = [this.#anyTable(), this.#anyTable()];
    const isBounded = a.isBounded && b.isBounded;
    const depth = Math.max(a.depth, b.depth);
    const choice = this.#prng.next();
    if (choice < 0.5 && b.isNarrow && depth < DEPTH_MAX) {
      const join = drawTableJoin(this.#prng, [a, b]);
      b.isOpen = false;
      const { ref } = this.#add((id) => ({ id, kind: 'joinTables', join, inputs: [a.ref, b.ref] }));
      const hasUniqueOrigins = a.hasUniqueOrigins && b.hasUniqueOrigins;
      this.#tables.push({
        ref,
        isBounded,
        depth: depth + 1,
        isNarrow: false,
        hasUniqueOrigins,
        isOpen: true,
      });
    } else if (choice < 0.6) {
      b.isOpen = false;
      const { ref } = this.#add((id) => ({ id, kind: 'uniteTables', inputs: [a.ref, b.ref] }));
      const hasUniqueOrigins = a.hasUniqueOrigins && b.hasUniqueOrigins;
      this.#tables.push({ ref, isBounded, depth, isNarrow: false, hasUniqueOrigins, isOpen: true });
    } else {
      const step = drawTableStep(this.#prng, a.depth < DEPTH_MAX);
      const { ref } = this.#add((id) => ({ id, kind: 'tableStep', input: a.ref, step }));
      this.#tables.push({
        ref,
        isBounded: a.isBounded,
        depth: a.depth + (isStateful(step) ? 1 : 0),
        ...shapeBehind(step, a),
        isOpen: true,
      });
    }
    a.isOpen = false;
  }

  /** One that nobody reads yet, or another one once more. */
  #anyTable(): OpenTable {
    const open = this.#tables.filter(({ isOpen }) => isOpen);
    const among = this.#prng.next() < 0.2 || open.length === 0 ? this.#tables : open;
    const table = among[this.#prng.below(among.length)];
    if (table === undefined) throw new Error('there is a table');
    return table;
  }

  #addBroadcast(how: 'plain' | 'keyed'): void {
    const [a, b] = [this.#anyStream(), this.#anyStream()];
    const { ref, width } = this.#add((id) => ({ id, kind: 'broadcast', how, inputs: [a.ref, b.ref] }));
    const isBounded = a.isBounded && b.isBounded;
    const depth = Math.max(a.depth, b.depth) + 1;
    if (how === 'keyed') this.#streams.push({ ...a, ref, isBounded, width, depth, isOpen: true });
    else {
      const isTimed = a.isTimed && b.isTimed;
      const facts = { isTimed, isOrdered: false, isGapless: false, isBounded, width };
      this.#streams.push({ ref, ...facts, depth, isOpen: true });
    }
  }

  #addUnion(): void {
    const [a, b] = [this.#anyStream(), this.#anyStream()];
    const { ref, width } = this.#add((id) => ({ id, kind: 'union', inputs: [a.ref, b.ref] }));
    const isStraight = a.width === width && b.width === width;
    this.#streams.push({
      ref,
      isTimed: a.isTimed && b.isTimed,
      isOrdered: a.isOrdered && b.isOrdered && isStraight,
      isGapless: a.isGapless && b.isGapless && isStraight,
      isBounded: a.isBounded && b.isBounded,
      width,
      depth: Math.max(a.depth, b.depth),
      isOpen: true,
    });
  }

  #addStep(from: OpenStream): void {
    const tableShare = this.#isTabular ? TABLE_SHARE_TABULAR : TABLE_SHARE;
    if (!this.#isAtLeastOnce && from.depth < DEPTH_MAX && this.#prng.next() < tableShare)
      return this.#addTable(from);
    const step = this.#drawStep(from);
    const { ref, width } = this.#add((id) => ({ id, input: from.ref, ...step }));
    const isKeyed = KEYED.has(step.kind);
    const facts = factsBehind(step, from, width);
    const stream = { ...facts, depth: from.depth + (isKeyed ? 1 : 0), isOpen: true };
    this.#streams.push({ ref, ...stream });
    if (step.kind === 'route') this.#streams.push({ ref: { ...ref, isSide: true }, ...stream });
  }

  #drawStep(from: OpenStream): StepSpec {
    for (;;) {
      const step = this.#drawAnyStep(from);
      if (!this.#isAtLeastOnce || MONOTONE.has(step.kind)) return step;
    }
  }

  #drawAnyStep(from: OpenStream): StepSpec {
    const isKeyed = from.depth < DEPTH_MAX && this.#prng.next() < 0.6;
    return isKeyed ? this.#drawKeyed(from) : this.#drawSimple();
  }

  #drawSimple(): StepSpec {
    switch (this.#prng.below(9)) {
      case 0:
      case 1:
        return { kind: 'map', add: this.#prng.below(100) };
      case 2:
        return { kind: 'filter', modulus: this.#pick(2, 3, 7) };
      case 3:
        return { kind: 'flatMap', copies: this.#pick(1, 2, 3) };
      case 4:
        return { kind: 'rekey', keyCount: this.#pick(1, 2, 6) };
      case 5:
        return { kind: 'spread', how: this.#pick('rebalance', 'global', 'pick') };
      case 6:
        return { kind: 'join', tableKeys: this.#pick(1, 4, 12), joinType: this.#pick('inner', 'left') };
      case 7:
        return {
          kind: 'ask',
          order: this.#pick('ordered', 'unordered', 'perKey'),
          capacity: this.#pick(1, 3, 50),
          retryMs: this.#pick(1, 5, 20),
        };
      default:
        return { kind: 'route', modulus: this.#pick(2, 3) };
    }
  }

  #drawKeyed(from: OpenStream): StepSpec {
    const choice = this.#prng.below(from.isTimed ? 12 : 5);
    if (choice === 0) return { kind: 'count' };
    if (choice === 1) return { kind: 'reduce' };
    if (choice <= 3) {
      if (!from.isOrdered) return { kind: 'keep', check: 'once' };
      return { kind: 'keep', check: from.isGapless ? 'gapless' : 'ordered' };
    }
    if (choice === 4)
      return { kind: 'countWindow', size: this.#pick(1, 2, 5), isPurged: this.#prng.next() < 0.5 };
    if (choice <= 6) return { kind: 'timers', bucketMs: this.#pick(100, 500, 2_000) };
    if (choice === 7) return { kind: 'first' };
    if (choice === 8) return { kind: 'pattern', pattern: this.#drawPattern() };
    return {
      kind: 'window',
      shape: this.#drawShape(from.isBounded),
      how: this.#pick('aggregate', 'aggregate', 'process', 'reduce'),
      latenessMs: this.#pick(0, 0, 500),
    };
  }

  #drawPattern(): PatternSpec {
    const contiguity = this.#pick('next', 'followedBy');
    return this.#prng.next() < 0.5 ? { contiguity } : { contiguity, withinMs: this.#pick(1, 100, 1_000) };
  }

  #drawShape(isBounded: boolean): WindowShape {
    switch (this.#prng.below(isBounded ? 6 : 5)) {
      case 0:
      case 1:
        return { kind: 'tumbling', sizeMs: this.#pick(100, 500, 2_000) };
      case 2:
      case 3: {
        const slideMs = this.#pick(100, 500);
        return { kind: 'sliding', sizeMs: slideMs * this.#pick(2, 3, 5), slideMs };
      }
      case 4:
        return { kind: 'session', gapMs: this.#pick(1, 50, 300, 1_000) };
      default:
        return { kind: 'endOfInput' };
    }
  }

  #addSink({ ref, isTimed }: Pick<OpenStream, 'ref' | 'isTimed'>): void {
    const form = this.#pick('ledger', 'ledger', 'jsonLines', 'smallFiles');
    this.#add((id) => ({ id, kind: 'sink', input: ref, form, isTimed }));
  }
}

function factsBehind(step: StepSpec, from: StreamFacts, width: number): StreamFacts {
  const { isTimed, isBounded } = from;
  const isStraight = KEYED.has(step.kind) || from.width === width;
  const isOrdered = from.isOrdered && isStraight;
  const isGapless = from.isGapless && isStraight;
  const facts = { isTimed, isOrdered, isGapless, isBounded, width };
  switch (step.kind) {
    case 'map':
    case 'rekey':
    case 'keep':
      return facts;
    case 'filter':
    case 'flatMap':
    case 'route':
    case 'join':
      return { ...facts, isGapless: false };
    case 'ask': {
      const isInOrder = step.order === 'ordered';
      return { ...facts, isOrdered: isInOrder && isOrdered, isGapless: isInOrder && isGapless };
    }
    case 'spread': {
      const isOneWay = step.how === 'global';
      return { ...facts, isOrdered: isOneWay && from.isOrdered, isGapless: isOneWay && from.isGapless };
    }
    case 'count':
    case 'reduce':
      // The result counts the records of its key.
      return { ...facts, isTimed: false, isOrdered: true, isGapless: true };
    case 'countWindow':
      return { ...facts, isTimed: false, isOrdered: true, isGapless: true };
    case 'pattern':
      return { ...facts, isOrdered: false, isGapless: false };
    case 'first':
    case 'timers':
      return { ...facts, isOrdered: true, isGapless: false };
    case 'window':
      return { ...facts, isTimed: step.shape.kind !== 'endOfInput', isOrdered: true, isGapless: false };
    default:
      return step satisfies never;
  }
}
