// A JobManager that does what a test says, over real gRPC.
import {
  Server,
  ServerCredentials,
  status,
  type ServerDuplexStream,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import {
  RESOURCE_MANAGER_SERVICE,
  type AddressedMessage,
  type TaskExecutorMessage,
  type TaskManagerMessage,
} from '@millrace/proto';

interface RegisteredStream {
  readonly stream: ServerDuplexStream<TaskManagerMessage, AddressedMessage>;
  readonly instanceId: string;
}

export class ScriptedLeader {
  readonly received: TaskManagerMessage[] = [];
  /** Artifact files by hash. */
  readonly files = new Map<string, Uint8Array>();
  leaderEpoch = 1;
  #server: Server;
  readonly #streams = new Map<string, RegisteredStream>();
  #waiting: (() => void)[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(token: string, port = 0): Promise<{ leader: ScriptedLeader; address: string }> {
    const server = new Server();
    const leader = new ScriptedLeader(server);
    server.addService(RESOURCE_MANAGER_SERVICE, {
      connect: (stream: ServerDuplexStream<TaskManagerMessage, AddressedMessage>) => {
        if (stream.metadata.get('authorization')[0] !== `Bearer ${token}`) {
          stream.emit('error', { code: status.UNAUTHENTICATED, details: 'wrong token' });
          return;
        }
        stream.on('data', (message: TaskManagerMessage) => leader.#onMessage(stream, message));
        stream.on('end', () => stream.end());
        stream.on('error', () => undefined);
      },
      fetchArtifact: (call: ServerWritableStream<string, Uint8Array>) => {
        call.write(leader.files.get(call.request) ?? new Uint8Array(0));
        call.end();
      },
    });
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
        error === null ? resolve(at) : reject(error),
      );
    });
    return { leader, address: `127.0.0.1:${bound}` };
  }

  /** To one TaskManager, or to all. */
  send(message: TaskExecutorMessage, taskManagerId?: string): void {
    for (const [id, { stream, instanceId }] of this.#streams)
      if (taskManagerId === undefined || id === taskManagerId) stream.write({ ...message, instanceId });
  }

  /** The first message so far, or from now on, that fits. */
  async until<T extends TaskManagerMessage>(
    fits: (message: TaskManagerMessage) => message is T,
    from?: number,
  ): Promise<T>;
  async until(fits: (message: TaskManagerMessage) => boolean, from?: number): Promise<TaskManagerMessage>;
  async until(fits: (message: TaskManagerMessage) => boolean, from = 0): Promise<TaskManagerMessage> {
    for (;;) {
      const found = this.received.slice(from).find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #onMessage(
    stream: ServerDuplexStream<TaskManagerMessage, AddressedMessage>,
    message: TaskManagerMessage,
  ): void {
    this.received.push(message);
    if (message.kind === 'register') {
      const { taskManagerId, instanceId } = message;
      this.#streams.set(taskManagerId, { stream, instanceId });
      stream.write({
        kind: 'registered',
        instanceId,
        leaderEpoch: this.leaderEpoch,
        heartbeatIntervalMs: 100,
        heartbeatTimeoutMs: 2_000,
      });
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
