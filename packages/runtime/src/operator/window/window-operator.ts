// Windows: which slice a record goes to, which records are late, and when windows fire. What a window keeps is its contents'.
import type { SlicedAssignerSpec, WindowSpec } from '@millrace/api';
import type { Json } from '@millrace/proto';
import type { RowCursor } from '@millrace/state';
import type { Paused } from '../../chain/emission.ts';
import type { ChainOperator, FrozenOperator, StageBody } from '../chain-stage.ts';
import { emitKey } from '../keyed/keyed-code.ts';
import { identityOfKey } from '../key-identity.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { PARTIAL_COUNT } from '../aggregate/aggregate-layout.ts';
import type { Arrivals } from './arrivals.ts';
import { FiredTimes } from './fired-times.ts';
import { emitLate } from './late-records.ts';
import { noEventTime } from './partial-aggregates.ts';
import { SliceAssigner } from './slice-assigner.ts';
import type { WindowBounds, WindowContents } from './window-contents.ts';
import { openFiring, type WindowFiring } from './window-firing.ts';

/**
 * Fires windows in the order of their ends.
 * Contract: a window fires when time has come to its end − 1 and once more for each batch with late records that are
 * allowed. Nothing at or below `firedMs` fires by itself, so that a restored operator goes on where the old one was:
 * barriers are aligned, so that all subtasks had the same watermark. How far the clock's windows had fired is state.
 * Source: Flink's SlicingWindowOperator.
 */
class WindowFirings {
  /** Bounds of the slice at hand, and the end of the first slice that is not late; read by generated code. */
  lo = Infinity;
  hi = -Infinity;
  aliveFrom = -Infinity;
  /** Windows that end at this time + 1 or earlier have fired. */
  firedMs: number;
  readonly #setup: OperatorSetup;
  readonly #contents: WindowContents;
  readonly #slices: SliceAssigner;
  readonly #latenessMs: number;
  readonly #fired: FiredTimes | undefined;
  #targetMs = -Infinity;
  #firing: WindowFiring | undefined;
  readonly #lateFiring: Paused = { resume: () => this.#resumeLate() };
  /** Keys with late records whose windows have fired: by window end, then by key. */
  readonly #lateKeys = new Map<number, Map<unknown, { readonly key: unknown; readonly keyHash: number }>>();

  constructor(
    setup: OperatorSetup,
    contents: WindowContents,
    options: {
      readonly slices: SliceAssigner;
      readonly latenessMs: number;
      readonly firedMs: number;
      readonly fired: FiredTimes | undefined;
    },
  ) {
    this.#setup = setup;
    this.#contents = contents;
    this.#slices = options.slices;
    this.#latenessMs = options.latenessMs;
    this.firedMs = options.firedMs;
    this.#fired = options.fired;
    this.#moveAlive();
  }

  /** Makes the slice of an event time the one at hand. */
  moveTo(timestampMs: number): void {
    if (!(timestampMs > -Infinity && timestampMs < Infinity)) throw noEventTime(this.#setup.node);
    this.hi = this.#slices.sliceEnd(timestampMs);
    this.lo = this.hi - this.#slices.sliceMs;
  }

  /** Slice of the clock's time; never one that has fired, though the wall clock may jump back. */
  sliceAt(nowMs: number): number {
    const firedMs = Math.max(this.firedMs, this.#fired?.maxMs ?? -Infinity);
    return this.#slices.sliceEnd(Math.max(nowMs, firedMs + 1));
  }

  /** Fires what is due at `timeMs`; false when it stopped. */
  advance(timeMs: number): boolean {
    this.#targetMs = timeMs;
    return this.resume();
  }

  resume(): boolean {
    for (;;) {
      this.#firing ??= this.#nextFiring();
      if (this.#firing === undefined) break;
      if (!this.#fire(this.#firing)) return false;
      this.firedMs = this.#firing.bounds.endMs - 1;
      this.#firing = undefined;
      this.#dropExpired();
    }
    if (this.#targetMs > this.firedMs) {
      this.firedMs = this.#targetMs;
      this.#dropExpired();
    }
    this.#moveAlive();
    return true;
  }

  /** End of the next window that has records, or Infinity. */
  nextEndMs(): number {
    const slices = this.#contents.table.namespaces();
    // Ascending: the first slice with a window to come has the next one; those before it are kept for late records only.
    for (let index = 0; index < slices.length; index++) {
      const end = this.#slices.nextWindowEnd(slices[index] as number, this.firedMs + 1);
      if (end < Infinity) return end;
    }
    return Infinity;
  }

  /** Remembers a record that came after its window fired, but is allowed. */
  noteLate(key: unknown, keyHash: number, slice: number): void {
    const last = this.#slices.lastWindowEnd(slice);
    for (
      let end = this.#slices.firstWindowEnd(slice);
      end <= last && end - 1 <= this.firedMs;
      end += this.#slices.slideMs
    ) {
      if (end - 1 + this.#latenessMs <= this.firedMs) continue;
      let keys = this.#lateKeys.get(end);
      if (keys === undefined) this.#lateKeys.set(end, (keys = new Map()));
      keys.set(identityOfKey(key), { key, keyHash });
    }
  }

  /** Fires again what late records changed; part of the batch that they came in, so that no snapshot has to know them. */
  fireLate(): void {
    if (this.#lateKeys.size > 0) this.#setup.emission.run(this.#lateFiring);
  }

  /** False when it stopped; what has fired is no longer in `#lateKeys`. */
  #resumeLate(): boolean {
    for (const end of [...this.#lateKeys.keys()].sort((a, b) => a - b)) {
      const keys = this.#lateKeys.get(end);
      if (keys === undefined) continue;
      const bounds = this.#boundsOf(end);
      const slices = this.#slicesOf(end);
      for (const [identity, { key, keyHash }] of keys) {
        keys.delete(identity);
        this.#contents.fireSlices(key, keyHash, slices, bounds);
        if (this.#setup.emission.mustStop()) return false;
      }
      this.#lateKeys.delete(end);
    }
    return true;
  }

  #nextFiring(): WindowFiring | undefined {
    if (this.#contents.emitsByRecord === true) return undefined;
    const end = this.nextEndMs();
    if (!(end - 1 <= this.#targetMs) || end === Infinity) return undefined;
    return openFiring(this.#contents, {
      slices: this.#slicesOf(end),
      bounds: this.#boundsOf(end),
      fired: this.#fired,
    });
  }

  #boundsOf(endMs: number): WindowBounds {
    return { startMs: this.#slices.windowStart(endMs), endMs, timestampMs: endMs - 1 };
  }

  #slicesOf(windowEnd: number): readonly number[] {
    const start = this.#slices.windowStart(windowEnd);
    const slices = this.#contents.table.namespaces();
    const within: number[] = [];
    // Firing goes from the oldest on, so that what is wanted stands near the front.
    for (let index = 0; index < slices.length; index++) {
      const slice = slices[index] as number;
      if (slice > windowEnd) break;
      if (slice > start) within.push(slice);
    }
    return within;
  }

  #fire(firing: WindowFiring): boolean {
    const { emission } = this.#setup;
    while (firing.fireNext()) if (emission.mustStop()) return false;
    return true;
  }

  #dropExpired(): void {
    for (;;) {
      const oldest = this.#contents.table.namespaces()[0];
      if (oldest === undefined || this.#slices.lastWindowEnd(oldest) - 1 + this.#latenessMs > this.firedMs)
        return;
      this.#contents.dropSlice(oldest);
    }
  }

  #moveAlive(): void {
    this.aliveFrom = this.#slices.firstSliceAlive(this.firedMs + 1 - this.#latenessMs);
  }
}

export interface WindowOperatorParts {
  readonly contents: WindowContents;
  /** Set where records are numbered. */
  readonly arrivals: Arrivals | undefined;
  readonly backendMethods: Partial<ChainOperator>;
}

/** Returns the operator of a tumbling, sliding or cumulating window. */
export function windowOperator(
  setup: OperatorSetup,
  spec: WindowSpec & { readonly assigner: SlicedAssignerSpec },
  parts: WindowOperatorParts,
): ChainOperator {
  const isEventTime = spec.assigner.timeDomain === 'event';
  const { environment } = setup;
  const fired = isEventTime ? undefined : restoredFiredTimes(setup);
  const firings = new WindowFirings(setup, parts.contents, {
    slices: new SliceAssigner(spec.assigner),
    latenessMs: isEventTime ? spec.allowedLatenessMs : 0,
    firedMs: fired === undefined ? environment.restoredWatermarkMs : fired.minMs,
    fired,
  });
  const shared = { node: setup.node, ...parts.backendMethods };
  // A window of the clock fires when its last millisecond is over: a record may still come in it.
  const clockTarget = (nowMs: number): number => nowMs - 1;
  if (fired !== undefined) {
    return {
      ...shared,
      freeze: (checkpointId, isFinal) =>
        withInline(parts.backendMethods.freeze?.(checkpointId, isFinal), {
          subtaskIndex: environment.subtaskIndex,
          fired: fired.snapshot(firings.firedMs),
          arrivals: parts.arrivals?.next ?? 0,
        }),
      stage: { kind: 'window', emit: (body) => processingTimeStage(setup, body, { firings, ...parts }) },
      advanceProcessingTime: (nowMs) => firings.advance(clockTarget(nowMs)),
      nextProcessingTimeMs: () => firings.nextEndMs(),
      endInput: () => firings.advance(Infinity),
    };
  }
  const { arrivals } = parts;
  return {
    ...shared,
    ...(arrivals === undefined
      ? {}
      : {
          freeze: (checkpointId: number, isFinal?: boolean) =>
            withInline(parts.backendMethods.freeze?.(checkpointId, isFinal), {
              subtaskIndex: environment.subtaskIndex,
              arrivals: arrivals.next,
            }),
        }),
    stage: {
      kind: 'window',
      ...(parts.contents.emitsByRecord === true ? { emitsMany: true as const } : {}),
      emit: (body) => eventTimeStage(setup, body, { firings, spec, ...parts }),
    },
    endBatch: () => firings.fireLate(),
    advanceWatermark: (watermarkMs) => firings.advance(watermarkMs),
  };
}

function restoredFiredTimes(setup: OperatorSetup): FiredTimes {
  const { restore, keyGroupRange, graph } = setup.environment;
  return new FiredTimes(restore.get(setup.node.id) ?? [], {
    range: keyGroupRange,
    count: graph.options.keyGroupCount,
  });
}

/** Adds inline state to what a backend froze. */
function withInline(frozen: FrozenOperator | undefined, inline: Json): FrozenOperator {
  return {
    write: async (blobStore, prefix) => {
      const state = await frozen?.write(blobStore, prefix);
      return { keyedFiles: state?.keyedFiles ?? [], newBytes: state?.newBytes ?? 0, inline };
    },
  };
}

/** Returns the operator of the one window that fires at the end of the input. */
export function endOfInputOperator(setup: OperatorSetup, parts: WindowOperatorParts): ChainOperator {
  const keySite = setup.sites.register(setup.node, 'key function');
  const { contents } = parts;
  const bounds = { startMs: -Infinity, endMs: Infinity, timestampMs: NaN };
  let cursor: RowCursor | undefined;
  return {
    node: setup.node,
    ...parts.backendMethods,
    stage: {
      kind: 'window',
      emit: (body) => {
        const { key, hash, make } = emitKey(body, setup, keySite);
        return body.attempt({
          names: [key, hash],
          make,
          goOn: () => contents.emitAdd(body, { key, hash, slice: '0' }, ''),
        });
      },
    },
    endInput: () => {
      cursor ??= contents.table.openCursor(0);
      for (let row = cursor.next(); row !== -1; row = cursor.next()) {
        contents.fireRow(row, 0, bounds);
        if (setup.emission.mustStop()) return false;
      }
      cursor = undefined;
      contents.dropSlice(0);
      return true;
    },
  };
}

function processingTimeStage(
  setup: OperatorSetup,
  body: StageBody,
  parts: { readonly firings: WindowFirings; readonly contents: WindowContents },
): string {
  const { unit } = body;
  const { key, hash, make } = emitKey(body, setup, setup.sites.register(setup.node, 'key function'));
  const slice = unit.fresh('slice');
  unit.declare(
    `const ${slice} = ${unit.bind(parts.firings, 'firings')}.sliceAt(${unit.bind(setup.environment.clock, 'clock')}.nowMs());`,
  );
  return body.attempt({
    names: [key, hash],
    make,
    goOn: () => parts.contents.emitAdd(body, { key, hash, slice }, ''),
  });
}

function eventTimeStage(
  setup: OperatorSetup,
  body: StageBody,
  parts: {
    readonly firings: WindowFirings;
    readonly spec: WindowSpec;
    readonly contents: WindowContents;
  },
): string {
  const { unit, record } = body;
  const { spec, contents } = parts;
  const { key, hash, make } = emitKey(body, setup, setup.sites.register(setup.node, 'key function'));
  const firings = unit.bind(parts.firings, 'firings');
  const slice = unit.fresh('slice');
  const isPartial = body.inputEdge?.isPreAggregated === true;
  const assign = isPartial
    ? `const ${slice} = ${record.field('s')};`
    : `if (!(${body.timestampMs} >= ${firings}.lo && ${body.timestampMs} < ${firings}.hi)) ${firings}.moveTo(${body.timestampMs});\nconst ${slice} = ${firings}.hi;`;
  const added = [
    contents.running === undefined
      ? ''
      : `if (${slice} <= ${firings}.firedMs + 1) ${unit.bind(contents.running, 'running')}.invalidate(${key});`,
    spec.allowedLatenessMs > 0 && contents.emitsByRecord !== true
      ? `if (${slice} <= ${firings}.firedMs + 1) ${firings}.noteLate(${key}, ${hash}, ${slice});`
      : '',
  ].join('\n');
  return body.attempt({
    names: [key, hash],
    make,
    goOn: () =>
      [
        assign,
        `if (${slice} < ${firings}.aliveFrom) {`,
        emitLate(body, setup, spec, isPartial ? record.field(PARTIAL_COUNT) : '1'),
        '} else {',
        contents.emitAdd(body, { key, hash, slice }, added),
        '}',
      ].join('\n'),
  });
}
