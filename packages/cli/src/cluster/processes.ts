// What scripts may use to find and signal the processes of a cluster, without the rest of the command.
export { identityOf, isAlive, type ProcessReference } from './process-identity.ts';
export { signalProcess } from './signal-process.ts';
