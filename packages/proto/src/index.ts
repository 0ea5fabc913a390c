// What the other packages may use of proto.
export type * from './graph/json.ts';
export type * from './graph/stream-graph.ts';
export type * from './graph/job-graph.ts';
export type * from './graph/deployment.ts';
export type * from './snapshot/subtask-snapshot.ts';
export type * from './control/messages.ts';
export * from './control/index.ts';
export * from './data/record-batch.ts';
