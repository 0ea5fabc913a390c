// The TaskManager's stream to the JobManager: opened, kept, and opened again with bounded backoff when it breaks.
import { Client, Metadata, status, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { MillraceError, type Cancellable, type Logger, type TimerPort } from '@millrace/common';
import { grpcProxySwitch, type TlsIdentity } from '@millrace/common/node';
import {
  AUTHORIZATION_METADATA_KEY,
  CONTROL_MESSAGE_BYTES_MAX,
  RESOURCE_MANAGER_SERVICE,
  type ArtifactFile,
  type AddressedMessage,
  type TaskManagerMessage,
} from '@millrace/proto';
import { clientCredentials, peerOptions, whyUnreachable } from '@millrace/proto/grpc';
import { OutgoingMessages } from './outgoing-messages.ts';

/** The wait before the next attempt doubles from the least to the most, while attempts fail. */
const RECONNECT_DELAY_MS_MIN = 50;
const RECONNECT_DELAY_MS_MAX = 1_000;
/** How long one attempt may take: names to be resolved, handshakes on a busy machine. */
const CONNECT_TIMEOUT_MS = 3_000;
/** A JobManager that takes our connection but is silent this long is gone: half of it passes before a ping, half after. */
const SILENCE_MS_DEFAULT = 10_000;
/** Bytes of one artifact file at most that are taken into memory. */
const ARTIFACT_FILE_BYTES_MAX = 256 * 1024 * 1024;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': CONTROL_MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': CONTROL_MESSAGE_BYTES_MAX,
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': grpcProxySwitch,
  // The library would wait a second after the first refusal; a cluster starts all its processes at once.
  'grpc.initial_reconnect_backoff_ms': RECONNECT_DELAY_MS_MIN,
  'grpc.max_reconnect_backoff_ms': RECONNECT_DELAY_MS_MAX,
} as const;

export interface LeaderConnectionEvents {
  onConnected(): void;
  onDisconnected(): void;
  onMessage(message: AddressedMessage): void;
  /** The JobManager does not take our token: no attempt will change that. */
  onRefused(error: MillraceError): void;
}

export interface LeaderConnectionOptions {
  /** `host:port` of the JobManager. */
  readonly address: string;
  readonly token: string;
  /** With it the connection is mutual TLS. */
  readonly identity?: TlsIdentity | undefined;
  /** Silence of the JobManager after which the connection is given up. */
  readonly heartbeatTimeoutMs?: number | undefined;
  readonly timers: TimerPort;
  readonly log: Logger;
}

/**
 * Contract: `onConnected` and `onDisconnected` alternate; messages come in between only. A connection counts as made
 * when it is ready to carry the first message. Threading: the main thread.
 */
export class LeaderConnection {
  readonly #options: LeaderConnectionOptions;
  readonly #events: LeaderConnectionEvents;
  #client: Client | undefined;
  #stream: ClientDuplexStream<Uint8Array, AddressedMessage> | undefined;
  #outgoing: OutgoingMessages | undefined;
  #retry: Cancellable | undefined;
  #failuresInRow = 0;
  #isClosed = false;

  constructor(options: LeaderConnectionOptions, events: LeaderConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#connect();
  }

  /** Sends while connected; otherwise the message is lost, as it would be on a broken stream. See OutgoingMessages. */
  send(message: TaskManagerMessage): void {
    this.#outgoing?.send(message);
  }

  /** Gives the present connection up and makes another. */
  reconnect(): void {
    this.#stream?.cancel();
  }

  /** Bytes of an artifact file. @throws {MillraceError} MR_IO when the JobManager cannot give it, or too much of it */
  async fetchArtifact(file: ArtifactFile): Promise<Uint8Array> {
    const client = this.#client;
    if (client === undefined) throw artifactUnavailable(file, 'the JobManager is not connected');
    const { path, requestSerialize, responseDeserialize } = RESOURCE_MANAGER_SERVICE.fetchArtifact;
    const call = client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      file.sha256,
      this.#metadata(),
    );
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    try {
      for await (const chunk of call as AsyncIterable<Uint8Array>) {
        bytes += chunk.byteLength;
        if (bytes > Math.min(file.bytes, ARTIFACT_FILE_BYTES_MAX))
          throw artifactUnavailable(file, 'it is longer than its manifest says');
        chunks.push(chunk);
      }
    } catch (error) {
      call.cancel();
      throw error instanceof MillraceError
        ? error
        : artifactUnavailable(file, error instanceof Error ? error.message : String(error));
    }
    return Buffer.concat(chunks);
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#stream?.end();
    this.#client?.close();
  }

  #connect(): void {
    const { address, identity, heartbeatTimeoutMs: silenceMs = SILENCE_MS_DEFAULT } = this.#options;
    // A new client each time: it asks the resolver again, and a JobManager that moved is found.
    const client = new Client(address, clientCredentials(identity), {
      ...CHANNEL_OPTIONS,
      'grpc.keepalive_time_ms': silenceMs / 2,
      'grpc.keepalive_timeout_ms': silenceMs / 2,
      ...peerOptions(identity, 'jobmanager'),
    });
    this.#client = client;
    // gRPC's deadline is of the wall clock, which may jump while it waits; ours is not.
    this.#retry = this.#options.timers.schedule(CONNECT_TIMEOUT_MS, () => {
      if (!this.#isClosed && this.#client === client) this.#again(client, undefined);
    });
    client.waitForReady(Infinity, (error) => {
      if (this.#isClosed || this.#client !== client) return;
      this.#retry?.cancel();
      if (error === undefined || error === null) this.#openStream(client);
      else this.#again(client, error);
    });
  }

  #openStream(client: Client): void {
    const { path, requestSerialize, responseDeserialize } = RESOURCE_MANAGER_SERVICE.connect;
    const stream = client.makeBidiStreamRequest(
      path,
      (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      responseDeserialize,
      this.#metadata(),
    );
    this.#stream = stream;
    this.#outgoing = new OutgoingMessages({
      encode: requestSerialize,
      write: (bytes, onSent) => stream.write(bytes, onSent),
      giveUp: () => stream.cancel(),
    });
    stream.on('data', (message: AddressedMessage) => {
      this.#failuresInRow = 0;
      this.#events.onMessage(message);
    });
    stream.on('error', (error: ServiceError) => this.#onEnd(client, error));
    stream.on('end', () => this.#onEnd(client, undefined));
    this.#events.onConnected();
  }

  #onEnd(client: Client, error: ServiceError | undefined): void {
    if (this.#client !== client || this.#isClosed) return;
    this.#stream = undefined;
    this.#outgoing = undefined;
    this.#events.onDisconnected();
    if (error?.code === status.UNAUTHENTICATED)
      this.#events.onRefused(unauthenticated(this.#options.address, error));
    this.#again(client, error);
  }

  #again(client: Client, error: Error | undefined): void {
    client.close();
    this.#client = undefined;
    const delayMs = Math.min(RECONNECT_DELAY_MS_MAX, RECONNECT_DELAY_MS_MIN * 2 ** this.#failuresInRow++);
    if (isPowerOfTwo(this.#failuresInRow)) void this.#logFailure(error, delayMs);
    this.#retry = this.#options.timers.schedule(delayMs, () => {
      if (!this.#isClosed) this.#connect();
    });
  }

  /** gRPC says only that it took too long. */
  async #logFailure(error: Error | undefined, delayMs: number): Promise<void> {
    const { address, identity, log } = this.#options;
    const failuresInRow = this.#failuresInRow;
    const reason = (await whyUnreachable(address, identity, 'jobmanager')) ?? error?.message;
    if (this.#isClosed) return;
    log.warn?.('no connection to the JobManager, trying again', { address, reason, failuresInRow, delayMs });
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set(AUTHORIZATION_METADATA_KEY, `Bearer ${this.#options.token}`);
    return metadata;
  }
}

/** Of failures in a row the first, second, fourth and so on are logged. */
function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}

function artifactUnavailable(file: ArtifactFile, reason: string): MillraceError {
  return new MillraceError('MR_IO', `Cannot fetch artifact file "${file.path}": ${reason}`, {
    details: { path: file.path, sha256: file.sha256 },
  });
}

function unauthenticated(address: string, cause: Error): MillraceError {
  return new MillraceError(
    'MR_UNAUTHENTICATED',
    `The JobManager at ${address} refuses this TaskManager: its token is another. Start both with the same cluster directory`,
    { details: { address }, cause },
  );
}
