// Runs a case through the operator harness, and compares.
import assert from 'node:assert/strict';
import { ChainHarness, type EmittedRecord } from '@millrace/testing';
import { programOf, type Element, type Variant } from './window-adapter.ts';
import { timeOf, withTimes, type CaseOutput, type CaseStep, type WindowCase } from './window-case.ts';

const KINDS: { readonly [kind: string]: string } = {
  insert: '+I',
  updateBefore: '-U',
  updateAfter: '+U',
  delete: '-D',
};

/** Runs the steps of a case; `isRestored`: a snapshot and new operators after each step. */
export async function runWindowCase(of: WindowCase, variant: Variant, isRestored: boolean): Promise<void> {
  const run = new CaseRun(of, variant);
  await run.open();
  for (const [index, step] of (of.steps ?? []).entries()) {
    run.step(step, `step ${index}, ${JSON.stringify(step).slice(0, 200)}`);
    if (isRestored || step.snapshotAndRestore === true) await run.restore();
    if (step.snapshotAndRestore === true) run.forget();
  }
  await run.close();
}

class CaseRun {
  readonly #case: WindowCase;
  readonly #variant: Variant;
  #harness!: ChainHarness<Element>;
  #outputs: CaseOutput[] = [];
  #late: unknown[] = [];
  #attempt = 1;

  constructor(of: WindowCase, variant: Variant) {
    this.#case = of;
    this.#variant = variant;
  }

  async open(): Promise<void> {
    this.#harness = await ChainHarness.open({
      operators: programOf(this.#case, this.#variant),
      parallelism: 1,
    });
  }

  async restore(): Promise<void> {
    const snapshot = await this.#harness.snapshot(this.#attempt);
    this.#take();
    await this.#harness.close();
    this.#harness = await ChainHarness.open({
      operators: programOf(this.#case, this.#variant),
      parallelism: 1,
      restore: snapshot,
      blobStore: this.#harness.blobStore,
      attemptNumber: ++this.#attempt,
    });
  }

  forget(): void {
    this.#outputs = [];
  }

  async close(): Promise<void> {
    await this.#harness.close();
  }

  step(step: CaseStep, what: string): void {
    const { element, watermark, processingTime, expect: expected, expectLate, expectLateDropped } = step;
    if (typeof element === 'object') this.#send(element);
    if (watermark !== undefined) this.#harness.watermark(timeOf(watermark));
    if (processingTime !== undefined) this.#harness.processingTime(timeOf(processingTime));
    // Flink combines nothing ahead of its windows.
    this.#harness.flushPartials();
    this.#take();
    if (watermark !== undefined) this.#outputs.push({ watermark: timeOf(watermark) });
    if (expected !== undefined) this.#compare(withTimes(expected) as readonly CaseOutput[], what);
    if (expectLate !== undefined) {
      assert.deepEqual(this.#late, withTimes(expectLate), what);
      this.#late = [];
    }
    if (expectLateDropped !== undefined)
      assert.equal(this.#harness.chains[0]?.drops.counts.late, expectLateDropped, what);
  }

  #send(element: Element): void {
    const ts = element.row === undefined ? element.ts : element.row[2];
    // In processing time the column is ignored, and the cases put anything into it.
    const atMs = ts === undefined || ts === null || ts === 'MAX' ? undefined : timeOf(ts);
    this.#harness.send([atMs === undefined ? { value: element } : { value: element, atMs }]);
  }

  #take(): void {
    for (const emitted of this.#harness.emitted.splice(0)) {
      if (emitted.output === 'late') this.#late.push(emitted.record);
      else this.#outputs.push(this.#outputOf(emitted));
    }
  }

  #outputOf({ record, timestampMs }: EmittedRecord): CaseOutput {
    if (this.#case.layer !== undefined) {
      if (this.#case.produceUpdates !== true) return { kind: '+I', row: record as readonly unknown[] };
      const { kind, row } = record as { readonly kind: string; readonly row: readonly unknown[] };
      return { kind: KINDS[kind] ?? kind, row };
    }
    // What comes of windows that never end has no event time here; there it has the greatest.
    return { value: record, ts: Number.isNaN(timestampMs) ? Infinity : timestampMs };
  }

  #compare(expected: readonly CaseOutput[], what: string): void {
    const actual = this.#outputs;
    this.#outputs = [];
    const order = this.#case.orderMatters;
    assert.deepEqual(inOrder(actual, order), inOrder(expected, order), what);
    if (order === 'perKey') assert.deepEqual(byKey(actual), byKey(expected), what);
  }
}

/** Outputs between two watermarks, sorted where their order does not matter. */
function inOrder(outputs: readonly CaseOutput[], order: WindowCase['orderMatters']): readonly string[] {
  if (order === true) return outputs.map(textOf);
  const lines: string[] = [];
  let segment: string[] = [];
  for (const output of outputs) {
    if (output.watermark === undefined) {
      segment.push(textOf(output));
      continue;
    }
    lines.push(...segment.sort(), textOf(output));
    segment = [];
  }
  return [...lines, ...segment.sort()];
}

function byKey(outputs: readonly CaseOutput[]): { readonly [key: string]: readonly string[] } {
  const keys: Record<string, string[]> = {};
  for (const output of outputs)
    if (output.row !== undefined) (keys[String(output.row[0])] ??= []).push(textOf(output));
  return keys;
}

function textOf({ value, ts, kind, row, watermark }: CaseOutput): string {
  const shown = (of: unknown): string =>
    JSON.stringify(of, (_name, field: unknown) => (field === Infinity ? 'MAX' : field)) ?? '';
  if (watermark !== undefined) return `watermark ${watermark}`;
  return row === undefined ? `${shown(value)} at ${shown(ts)}` : `${kind} ${shown(row)}`;
}
