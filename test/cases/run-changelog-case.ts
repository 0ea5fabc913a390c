// Runs a case of a changelog operator through the operator harness, and gathers what is to be compared.
import { changeSymbol, isChangeKind, type Change } from '@millrace/api';
import { ChainHarness, type HarnessSnapshot } from '@millrace/testing';
import {
  buildCase,
  columnsOf,
  kindOf,
  rowOf,
  type BuiltCase,
  type CaseChange,
  type CaseStep,
  type ChangelogCase,
} from './changelog-case.ts';

/** An output as a case writes it: `+I ["a",1]`, or a watermark. */
type OutputText = string;

/** What came up to a step that expects something, and what it expects; what may come in any order is sorted. */
export interface Check {
  readonly actual: unknown;
  readonly expected: unknown;
}

class CaseRun {
  readonly checks: Check[] = [];
  outputs: OutputText[] = [];
  #all: OutputText[] = [];
  #restores = 0;
  readonly #of: ChangelogCase;
  readonly #built: BuiltCase;
  readonly #columns: readonly string[];
  #harness: ChainHarness<unknown>;

  private constructor(of: ChangelogCase, built: BuiltCase, harness: ChainHarness<unknown>) {
    this.#of = of;
    this.#built = built;
    this.#columns = columnsOf(of);
    this.#harness = harness;
  }

  static async open(of: ChangelogCase): Promise<CaseRun> {
    const built = buildCase(of);
    return new CaseRun(of, built, await openHarness(built));
  }

  async step(step: CaseStep): Promise<void> {
    const { element } = step;
    if (element !== undefined) {
      const row = rowOf(element.row, this.#columns);
      const value = this.#built.takesChanges ? { kind: kindOf(element.kind), row } : row;
      this.#harness.send([{ value, atMs: this.#built.timeOf(row) }]);
    }
    if (step.watermark !== undefined) this.#harness.watermark(step.watermark);
    const nowMs = step.processingTime ?? step.stateTtlTime;
    if (nowMs !== undefined) this.#harness.processingTime(nowMs);
    this.#take();
    if (step.watermark !== undefined) this.#push(`watermark ${step.watermark}`);
    if (step.snapshotAndRestore === true) {
      await this.restore();
      if (this.#of.outputsAcrossRestore !== true) this.outputs = [];
    }
    this.#check(step);
  }

  async restore(): Promise<void> {
    const snapshot = await this.#harness.snapshot(++this.#restores);
    this.#take();
    await this.#harness.close();
    this.#harness = await openHarness(this.#built, snapshot, {
      blobStore: this.#harness.blobStore,
      attemptNumber: this.#restores + 1,
    });
  }

  close(): Promise<void> {
    return this.#harness.close();
  }

  #take(): void {
    for (const { record } of this.#harness.emitted.splice(0)) this.#push(textOf(record));
  }

  #push(text: OutputText): void {
    this.outputs.push(text);
    if (!text.startsWith('watermark')) this.#all.push(text);
  }

  #check({ expect: expected, expectOutputCount, expectLast }: CaseStep): void {
    if (expectOutputCount !== undefined)
      this.checks.push({ actual: this.#all.length, expected: expectOutputCount });
    if (expectLast !== undefined)
      this.checks.push({ actual: this.#all.at(-1), expected: caseText(expectLast) });
    if (expected === undefined) return;
    const wanted = expected.map((one) => ('watermark' in one ? `watermark ${one.watermark}` : caseText(one)));
    this.checks.push({ actual: this.#comparable(this.outputs), expected: this.#comparable(wanted) });
    this.outputs = [];
  }

  /** Outputs so that those that may come in any order are sorted. */
  #comparable(outputs: readonly OutputText[]): readonly OutputText[] {
    const { orderMatters, watermarksNotChecked } = this.#of;
    const shown =
      watermarksNotChecked === true ? outputs.filter((text) => !text.startsWith('watermark')) : outputs;
    if (orderMatters === true) return shown;
    const sorted: OutputText[] = [];
    let segment: OutputText[] = [];
    for (const text of [...shown, 'watermark end']) {
      if (!text.startsWith('watermark')) {
        segment.push(text);
        continue;
      }
      sorted.push(...(orderMatters === 'perKey' ? this.#byKey(segment) : segment.sort()), text);
      segment = [];
    }
    return sorted;
  }

  #byKey(segment: readonly OutputText[]): readonly OutputText[] {
    const { key, partitionBy } = this.#of;
    const index = this.#columns.indexOf(key ?? partitionBy ?? '');
    const keyOf = (text: OutputText): string => String((JSON.parse(text.slice(3)) as unknown[])[index]);
    return [...segment].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
  }
}

/** Runs the steps of a case; `restoresAtEveryStep`: a snapshot and new operators after each step that expects nothing. */
export async function runChangelogCase(
  of: ChangelogCase,
  options: { readonly restoresAtEveryStep: boolean },
): Promise<readonly Check[]> {
  const run = await CaseRun.open(of);
  try {
    for (const step of of.steps) {
      await run.step(step);
      if (options.restoresAtEveryStep && step.expect === undefined) await run.restore();
    }
    return run.checks;
  } finally {
    await run.close();
  }
}

function openHarness(
  built: BuiltCase,
  restore?: HarnessSnapshot,
  of: Partial<Pick<ChainHarness<unknown>, 'blobStore'>> & { readonly attemptNumber?: number } = {},
): Promise<ChainHarness<unknown>> {
  return ChainHarness.open<unknown>({
    operators: (input) => built.build(input as never),
    parallelism: 1,
    ...of,
    ...(restore === undefined ? {} : { restore }),
  });
}

function caseText({ kind, row }: CaseChange): OutputText {
  return `${kind} ${JSON.stringify(row)}`;
}

function textOf(record: unknown): OutputText {
  const change = record as Partial<Change<Record<string, unknown>>>;
  if (typeof change.kind === 'string' && isChangeKind(change.kind) && typeof change.row === 'object')
    return `${changeSymbol(change.kind)} ${JSON.stringify(Object.values(change.row))}`;
  return `+I ${JSON.stringify(Object.values(record as object))}`;
}
