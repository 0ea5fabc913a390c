// Lists and broadcast states of an operator's subtasks, which stand in a checkpoint's metadata.
import { decodeValueV1, type Json, type OperatorSnapshot } from '@millrace/proto';
import type { StateSample } from '@millrace/state';
import type { ShownState } from './savepoint-report.ts';

type Form = 'lists' | 'unions' | 'broadcast';
const KINDS = { lists: 'operator-list', unions: 'union-list', broadcast: 'broadcast' } as const;
const FORMS: readonly Form[] = ['lists', 'unions', 'broadcast'];

/** The states of all subtasks, by name. Broadcast states are alike everywhere, and one subtask writes them. */
export function operatorStates(
  snapshots: readonly OperatorSnapshot[],
  samplesMax: number,
): readonly ShownState[] {
  const states = new Map<string, ShownState>();
  for (const { inline } of snapshots) {
    const fields = fieldsOf(inline);
    for (const form of FORMS) {
      for (const [name, entries] of Object.entries(fieldsOf(fields[form]))) {
        if (!Array.isArray(entries)) continue;
        const id = `${form} ${name}`;
        const state = states.get(id) ?? emptyState(name, form);
        states.set(id, state);
        for (const entry of entries as readonly Json[]) {
          state.entryCount++;
          state.bytes += Buffer.byteLength(JSON.stringify(entry));
          if (state.samples.length < samplesMax) state.samples.push(sampleOf(form, entry));
        }
      }
    }
  }
  return [...states.values()];
}

function fieldsOf(value: Json | undefined): { readonly [name: string]: Json } {
  const isFields = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isFields ? (value as { readonly [name: string]: Json }) : {};
}

function emptyState(name: string, form: Form): ShownState {
  const kind = KINDS[form];
  return {
    name,
    kind,
    keyCount: 0,
    entryCount: 0,
    bytes: 0,
    firstMs: undefined,
    lastMs: undefined,
    samples: [],
  };
}

function sampleOf(form: Form, entry: Json): StateSample {
  if (form !== 'broadcast' || !Array.isArray(entry)) return { key: null, value: decoded(entry) };
  const [key = null, value = null] = entry as readonly Json[];
  return { key: decoded(key), value: decoded(value) };
}

/** What JSON does not hold exactly is written as `{"$bytes": base64}`. */
function decoded(entry: Json): unknown {
  const bytes = fieldsOf(entry)['$bytes'];
  return typeof bytes === 'string' ? decodeValueV1(Buffer.from(bytes, 'base64')) : entry;
}
