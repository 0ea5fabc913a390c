// What `@millrace/proto/grpc` gives: credentials and checks for those who open channels. Only adapters and tests use it.
export {
  checkCaller,
  clientCredentials,
  peerOptions,
  serverCredentials,
  whyUnreachable,
} from './secure-channel.ts';
