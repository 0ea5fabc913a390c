// The files of keyed state that a checkpoint's metadata names.
import type { CheckpointMetadata } from './checkpoint-metadata.ts';
import type { KeyedStateFile } from './subtask-snapshot.ts';

/** Files of keyed state that a checkpoint refers to, each once, in the order in which it names them. */
export function stateFilesOf(metadata: CheckpointMetadata): readonly KeyedStateFile[] {
  const files = new Map<string, KeyedStateFile>();
  for (const { subtasks } of metadata.vertices)
    for (const { operators } of subtasks)
      for (const { keyedFiles } of operators) for (const file of keyedFiles) files.set(file.name, file);
  return [...files.values()];
}

/** The metadata with other names for its files. */
export function renameFiles(
  metadata: CheckpointMetadata,
  nameOf: (name: string) => string,
): CheckpointMetadata {
  return {
    ...metadata,
    vertices: metadata.vertices.map((vertex) => ({
      ...vertex,
      subtasks: vertex.subtasks.map((subtask) => ({
        ...subtask,
        operators: subtask.operators.map((operator) => ({
          ...operator,
          keyedFiles: operator.keyedFiles.map((file) => ({ ...file, name: nameOf(file.name) })),
        })),
      })),
    })),
  };
}
