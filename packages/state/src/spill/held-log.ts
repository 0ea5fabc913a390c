// The spill log at a freeze, by key group: what of it a snapshot needs, found while the snapshot is written.
import { forEachLogEntry, keyGroupOfLogKey, readLogEntry, type LogEntry, type LogSpan } from './spill-log.ts';
import { stampOfLoggedRow } from './stored-row-codec.ts';

/** An entry is named by its span and where it starts there: below this. */
const SPAN_SIZE = 2 ** 18;
/** Entries looked through between two yields, and what is left of a span: under 10 ms. */
const ENTRIES_PER_SLICE = 65_536;

/** By identity, one character a byte. */
export type LoggedRows = ReadonlyMap<string, LogEntry>;

/** What {@link HeldLog} has for a snapshot, by key group. */
export interface GroupedLog {
  /** The newest entry of each identity of a key group. */
  newest(keyGroup: number): LoggedRows;
}

/** The spans of a log as they were at a freeze. Threading: the task's thread. */
export class HeldLog {
  readonly #spans: readonly LogSpan[];

  /** `spans`: oldest first. */
  constructor(spans: readonly LogSpan[]) {
    this.#spans = spans;
  }

  /** Of key groups outside of the base, only what changed after `confirmed`. */
  async byKeyGroup(
    scope: { readonly baseFrom: number; readonly baseTo: number; readonly confirmed: number },
    yieldToTask: () => Promise<void>,
  ): Promise<GroupedLog> {
    const spans = this.#spans;
    const groups = new Map<number, number[]>();
    let looks = 0;
    for (let index = 0; index < spans.length; index++) {
      const span = spans[index] as LogSpan;
      const { bytes } = span.sink;
      forEachLogEntry(span, (start, keyStart, valueStart, valueEnd) => {
        looks++;
        const keyGroup = keyGroupOfLogKey(bytes, keyStart);
        const isBase = keyGroup >= scope.baseFrom && keyGroup < scope.baseTo;
        if (!isBase && (valueStart === valueEnd || stampOfLoggedRow(bytes, valueStart) <= scope.confirmed))
          return;
        const group = groups.get(keyGroup);
        if (group === undefined) groups.set(keyGroup, [index * SPAN_SIZE + start]);
        else group.push(index * SPAN_SIZE + start);
      });
      if (looks < ENTRIES_PER_SLICE) continue;
      looks = 0;
      await yieldToTask();
    }
    return { newest: (keyGroup) => newestOf(spans, groups.get(keyGroup) ?? []) };
  }
}

function newestOf(spans: readonly LogSpan[], addresses: readonly number[]): LoggedRows {
  const newest = new Map<string, LogEntry>();
  for (const address of addresses) {
    const entry = readLogEntry(spans[Math.floor(address / SPAN_SIZE)] as LogSpan, address % SPAN_SIZE);
    newest.set(entry.key.toString('latin1', 1), entry);
  }
  return newest;
}
