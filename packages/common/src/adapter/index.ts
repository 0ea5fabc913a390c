// What `@millrace/common/node` gives: the ports over Node itself. Only `main.ts` files, worker entries and tests make these.
export { areCrashPointsEnabled, CRASH_POINTS, crashPoint, type CrashPoint } from './crash-point.ts';
export {
  CA_FILE,
  CLUSTER_ROLES,
  expiryMsOf,
  identityFiles,
  readIdentity,
  roleName,
  rolesOf,
  type ClusterRole,
  type TlsIdentity,
} from './certificates.ts';
export { DirectoryBlobStore } from './directory-blob-store.ts';
export { grpcProxySwitch } from './grpc-proxy.ts';
export { nodeFilePort } from './node-file-port.ts';
export { memoryBytesOfProcess } from './process-memory.ts';
export { realClock, realRandom, realTimers } from './real-ports.ts';
