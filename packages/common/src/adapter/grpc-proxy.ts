// Whether gRPC's clients go through a proxy.

/**
 * Value of the channel option `grpc.enable_http_proxy`: 1 where `grpc_proxy` is set. A machine's general `http_proxy` is not for the
 * links between processes of a cluster: it would be asked for loopback addresses, which mean itself there.
 */
export const grpcProxySwitch: 0 | 1 = (process.env['grpc_proxy'] ?? '') === '' ? 0 : 1;
