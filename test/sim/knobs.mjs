// Constants of the engine that a simulated run may change, so that little data takes the ways of much: one credit, batches
// of one row, tiny buffers, time-outs of nothing. They are made changeable in the simulation's bundle only.

/**
 * `share`: of the runs that change constants at all, those that change this one; unless given, a third.
 * @type {readonly { readonly name: string, readonly file: string, readonly choices: readonly number[], readonly share?: number }[]}
 */
export const knobs = [
  { name: 'CHANNEL_CREDITS', file: 'runtime/src/channel/output-channel.ts', choices: [1, 2, 3] },
  { name: 'BATCH_ROWS_MAX', file: 'proto/src/data/record-batch.ts', choices: [1, 3, 10] },
  { name: 'BATCH_BYTES_TARGET', file: 'proto/src/data/record-batch.ts', choices: [1, 300] },
  { name: 'EMITTED_PER_LOOK', file: 'runtime/src/chain/emission.ts', choices: [1, 3] },
  { name: 'OVERDRAFT_BATCHES_MAX', file: 'runtime/src/channel/result-partition.ts', choices: [1, 2] },
  { name: 'RECORDS_START', file: 'runtime/src/task/read-pace.ts', choices: [1, 4, 32] },
  { name: 'RECORDS_MAX', file: 'runtime/src/task/read-pace.ts', choices: [1, 4, 64] },
  { name: 'WATERMARK_INTERVAL_MS', file: 'runtime/src/task/chain-driver.ts', choices: [0, 200] },
  { name: 'REST_MS', file: 'runtime/src/task/split-progress.ts', choices: [1, 200] },
  { name: 'TURN_PASSES_MAX', file: 'runtime/src/slot/slot-loop.ts', choices: [1, 3] },
  // What comes behind a barrier while its snapshot is written.
  { name: 'SLICE_PAUSE_MS', file: 'runtime/src/slot/open-tasks.ts', choices: [5, 50], share: 0.6 },
  { name: 'METRICS_INTERVAL_MS', file: 'runtime/src/slot/slot-runtime.ts', choices: [20] },
  { name: 'PARTIAL_KEYS_MAX', file: 'runtime/src/operator/window/partial-aggregates.ts', choices: [1, 2] },
  { name: 'RUNNING_KEYS_MAX', file: 'runtime/src/operator/window/running-window.ts', choices: [1, 2] },
  { name: 'ROW_RECORDS_MAX', file: 'runtime/src/operator/window/record-contents.ts', choices: [2, 3] },
  { name: 'ROWS_MAX', file: 'runtime/src/operator/join/row-set.ts', choices: [1, 4], share: 0.2 },
  { name: 'EVENTS_PER_TURN_MAX', file: 'runtime/src/operator/pattern/pattern-operator.ts', choices: [1] },
  { name: 'WRITES_MAX', file: 'runtime/src/checkpoint/subtask-checkpoint.ts', choices: [1] },
  { name: 'ROWS_PER_SLICE', file: 'state/src/snapshot/pacer.ts', choices: [20] },
  { name: 'FILE_BYTES_TARGET', file: 'state/src/snapshot/run-file-writer.ts', choices: [1, 300] },
  { name: 'REBASE_INTERVAL', file: 'state/src/snapshot/checkpoint-ledger.ts', choices: [1, 2] },
  { name: 'REMOVALS_MAX', file: 'state/src/table/removal-log.ts', choices: [1, 3] },
  { name: 'CHUNK_ENTRIES_MAX', file: 'state/src/cell/chunk.ts', choices: [2, 4] },
  { name: 'DIRECTORY_CHUNK_ENTRIES', file: 'state/src/table/slice-cursor.ts', choices: [1, 2] },
  { name: 'RUN_BLOCK_ENTRIES_MAX', file: 'proto/src/snapshot/keyed-run-v1.ts', choices: [1, 3] },
  { name: 'ENTRIES_PER_SLICE', file: 'state/src/spill/held-log.ts', choices: [1] },
  // Without it no row of a run as small as this ever leaves memory.
  { name: 'OVERDRAFT_ROWS_MAX', file: 'state/src/spill/rows-bound.ts', choices: [0, 2], share: 0.8 },
  { name: 'UNWRITTEN_BYTES_MAX', file: 'state/src/spill/working-set.ts', choices: [1, 500] },
  { name: 'BATCH_OPERATIONS_MAX', file: 'state/src/spill/write-behind.ts', choices: [1, 3] },
  { name: 'CHUNK_ENTRIES_DEFAULT', file: 'state/src/adapter/memory-key-value-store.ts', choices: [1, 3] },
  { name: 'CHECKPOINT_ID_BLOCK', file: 'jobmanager/src/core/checkpoint-ids.ts', choices: [1, 2] },
  { name: 'CANCEL_GRACE_MS', file: 'taskmanager/src/task-executor/task-executor-core.ts', choices: [0, 5] },
  { name: 'FINISH_GRACE_MS', file: 'taskmanager/src/task-executor/task-executor-core.ts', choices: [0, 5] },
  { name: 'BUFFER_BYTES', file: 'api/src/file-sink/file-writer.ts', choices: [64, 1024] },
  { name: 'FILES_AT_ONCE', file: 'api/src/file-sink/file-committer.ts', choices: [1] },
  { name: 'READ_BYTES', file: 'api/src/file-sink/committable.ts', choices: [7] },
  { name: 'ELEMENTS_IN_A_ROW_MAX', file: 'runtime/src/slot/slot-loop.ts', choices: [1, 2], share: 0.5 },
  {
    name: 'FORGOTTEN_KEYS_MIN',
    file: 'runtime/src/operator/window/partial-aggregates.ts',
    choices: [1, 4],
    share: 0.5,
  },
];

/** Constants that are computed from knobs once, and must be computed each time. */
const derived = [
  {
    file: 'runtime/src/channel/remote-channel.ts',
    from: 'takenCount < CREDITS_RETURNED',
    to: 'takenCount < (CHANNEL_CREDITS >> 1)',
  },
];

/** Files with knobs; the simulation must have all of them. */
export const knobFiles = new Set(knobs.map(({ file }) => file));

/** Returns `source` with its knobs made changeable. */
export function withKnobs(path, source) {
  let text = source;
  for (const { name, file } of knobs) {
    if (!path.endsWith(`/packages/${file}`)) continue;
    const declaration = new RegExp(`^(export )?const ${name}(?:: [^=]+)? = ([^;]+);$`, 'm');
    if (!declaration.test(text))
      throw new Error(`knob ${name}: ${file} declares it no more; see test/sim/knobs.mjs`);
    text = text.replace(
      declaration,
      (_, exported = '', value) =>
        `${exported}let ${name}: number = ${value};\n(globalThis.millraceSimKnobs ??= {}).${name} = (given) => { ${name} = given ?? (${value}); };`,
    );
  }
  for (const { file, from, to } of derived) {
    if (!path.endsWith(`/packages/${file}`)) continue;
    if (!text.includes(from)) throw new Error(`${file} has no "${from}" any more; see test/sim/knobs.mjs`);
    text = text.replace(from, to);
  }
  return text;
}
