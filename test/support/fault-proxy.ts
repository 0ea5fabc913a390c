// A TCP proxy between the processes of a cluster, with switches for what networks do to connections. gRPC's clients come to it
// through `grpc_proxy` (HTTP CONNECT), so that every link passes it, also those to ports that nobody knows beforehand.
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { Prng } from '@millrace/common';

/** The head of a CONNECT request is this long at most; more is no request of ours. */
const HEAD_BYTES_MAX = 8_192;
/** Bytes that a delayed direction holds back at most; beyond, its sender waits. */
const HELD_BYTES_MAX = 8 * 1024 * 1024;

/** Which links a fault is for: by the port that they lead to. */
export type LinkFilter = (targetPort: number) => boolean;

/**
 * What happens on a link.
 * - `pass`: nothing.
 * - `delay`: every chunk comes `delayMs` later, in order.
 * - `half-open`: nothing passes and nothing closes, new connections included.
 * - `trickle`: at most `bytesPerSecond` in each direction.
 */
export type LinkFault =
  | { readonly kind: 'pass' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'half-open' }
  | { readonly kind: 'trickle'; readonly bytesPerSecond: number };

interface Rule {
  readonly applies: LinkFilter;
  fault: LinkFault;
}

/** One direction of a connection. */
class Pipe {
  readonly #to: Socket;
  readonly #from: Socket;
  readonly #faultNow: () => LinkFault;
  readonly #onBytes: (count: number) => void;
  readonly #held: { readonly chunk: Buffer; readonly dueMs: number }[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes until both ends are torn down in the middle of whatever is under way; undefined: never. */
  cutAfterBytes: number | undefined;

  constructor(from: Socket, to: Socket, faultNow: () => LinkFault, onBytes: (count: number) => void) {
    this.#from = from;
    this.#to = to;
    this.#faultNow = faultNow;
    this.#onBytes = onBytes;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  #take(chunk: Buffer): void {
    const { cutAfterBytes } = this;
    if (cutAfterBytes !== undefined && chunk.length >= cutAfterBytes) {
      this.#to.write(chunk.subarray(0, cutAfterBytes), () => {
        this.#to.destroy();
        this.#from.destroy();
      });
      return;
    }
    if (cutAfterBytes !== undefined) this.cutAfterBytes = cutAfterBytes - chunk.length;
    const fault = this.#faultNow();
    const delayMs = fault.kind === 'delay' ? fault.delayMs : 0;
    this.#held.push({ chunk, dueMs: performance.now() + delayMs });
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > HELD_BYTES_MAX) this.#from.pause();
    this.flush();
  }

  /** Hands on what may go now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const fault = this.#faultNow();
    if (fault.kind === 'half-open') return;
    while (this.#held[0] !== undefined && this.#held[0].dueMs <= performance.now()) {
      const first = this.#held.shift();
      if (first === undefined) break;
      const sent = fault.kind === 'trickle' ? Math.max(1, Math.floor(fault.bytesPerSecond / 20)) : Infinity;
      const now = first.chunk.length > sent ? first.chunk.subarray(0, sent) : first.chunk;
      this.#heldBytes -= now.length;
      this.#onBytes(now.length);
      if (!this.#to.destroyed) this.#to.write(now);
      if (now.length < first.chunk.length) {
        this.#held.unshift({ chunk: first.chunk.subarray(sent), dueMs: performance.now() + 50 });
        break;
      }
    }
    if (this.#heldBytes <= HELD_BYTES_MAX) this.#from.resume();
    const next = this.#held[0];
    if (next !== undefined)
      this.#timer = setTimeout(() => this.flush(), Math.max(1, next.dueMs - performance.now()));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
  }
}

interface Connection {
  readonly targetPort: number;
  readonly client: Socket;
  readonly target: Socket;
  readonly pipes: readonly [Pipe, Pipe];
  /** Half-open, whatever happens to others that lead to the same port. */
  readonly state: { isFrozen: boolean };
}

/** A client that asked for a connection, and what it sent behind its request. */
interface Caller {
  readonly client: Socket;
  readonly host: string;
  readonly port: number;
  readonly early: Buffer;
}

/** Listens on loopback until it is closed. Threading: one event loop. */
export class FaultProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #random: Prng;
  readonly #rules: Rule[] = [];
  readonly #connections = new Set<Connection>();
  readonly #sockets = new Set<Socket>();
  readonly #waiting: Caller[] = [];
  #bytesPassed = 0;
  #connectionsMade = 0;
  #faultsDone = 0;

  private constructor(server: Server, seed: number) {
    this.#server = server;
    this.#random = new Prng(seed);
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async start(seed: number): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, seed);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** What the processes behind it need in their environment. */
  get environment(): Readonly<Record<string, string>> {
    const { port } = this.#server.address() as AddressInfo;
    return { grpc_proxy: `http://127.0.0.1:${port}`, no_grpc_proxy: 'nobody.invalid' };
  }

  get bytesPassed(): number {
    return this.#bytesPassed;
  }

  get connectionsMade(): number {
    return this.#connectionsMade;
  }

  /** Connections that a fault has hit. */
  get faultsDone(): number {
    return this.#faultsDone;
  }

  /** Open connections that `applies` holds for. */
  count(applies: LinkFilter): number {
    return this.#matching(applies).length;
  }

  /** From now on `fault` is what happens on these links; `heal` takes it back. */
  set(applies: LinkFilter, fault: LinkFault): { heal(): void } {
    const rule: Rule = { applies, fault };
    this.#rules.push(rule);
    this.#faultsDone += this.#matching(applies).length;
    this.#flush();
    return {
      heal: () => {
        rule.fault = { kind: 'pass' };
        this.#flush();
      },
    };
  }

  /** Of the connections that are open now nothing passes and none closes, while new ones are as ever, until `heal`. */
  freeze(applies: LinkFilter): { readonly count: number; heal(): void } {
    const hit = this.#matching(applies);
    for (const { state } of hit) state.isFrozen = true;
    this.#faultsDone += hit.length;
    return {
      count: hit.length,
      heal: () => {
        for (const { state } of hit) state.isFrozen = false;
        this.#flush();
      },
    };
  }

  /** Tears these connections down at once. Returns how many. */
  cut(applies: LinkFilter): number {
    const hit = this.#matching(applies);
    for (const connection of hit) this.#tear(connection);
    this.#faultsDone += hit.length;
    return hit.length;
  }

  /** Tears each of these connections down behind 1 to `bytesMax` more bytes: in the middle of a frame, nearly always. */
  cutMidFrame(applies: LinkFilter, bytesMax: number): number {
    const hit = this.#matching(applies);
    for (const { pipes } of hit)
      for (const pipe of pipes) pipe.cutAfterBytes = 1 + this.#random.below(bytesMax);
    this.#faultsDone += hit.length;
    return hit.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) this.#tear(connection);
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #matching(applies: LinkFilter): Connection[] {
    return [...this.#connections].filter(({ targetPort }) => applies(targetPort));
  }

  #faultOf(targetPort: number): LinkFault {
    for (const rule of this.#rules)
      if (rule.fault.kind !== 'pass' && rule.applies(targetPort)) return rule.fault;
    return { kind: 'pass' };
  }

  #flush(): void {
    for (const caller of this.#waiting.splice(0)) this.#admit(caller);
    for (const { pipes } of this.#connections) for (const pipe of pipes) pipe.flush();
  }

  #accept(client: Socket): void {
    this.#sockets.add(client);
    client.on('error', () => client.destroy());
    client.on('close', () => this.#sockets.delete(client));
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0 && head.length < HEAD_BYTES_MAX) return;
      client.off('data', onData);
      client.pause();
      const match = /^CONNECT ([^\s:]+):(\d+) HTTP/.exec(head.toString('latin1'));
      if (match === null || end < 0) client.destroy();
      else
        this.#admit({ client, host: match[1] ?? '', port: Number(match[2]), early: head.subarray(end + 4) });
    };
    client.on('data', onData);
  }

  /** What calls over a half-open link waits until it is healed, as the first packet of a connection would. */
  #admit(caller: Caller): void {
    if (this.#faultOf(caller.port).kind === 'half-open') this.#waiting.push(caller);
    else this.#join(caller);
  }

  #join({ client, host, port, early }: Caller): void {
    if (client.destroyed) return;
    const target = connect({ host, port });
    this.#sockets.add(target);
    target.on('error', () => {
      target.destroy();
      client.destroy();
    });
    target.on('close', () => this.#sockets.delete(target));
    target.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (early.length > 0) target.write(early);
      client.setNoDelay(true);
      target.setNoDelay(true);
      this.#connectionsMade++;
      const state = { isFrozen: false };
      const faultNow = (): LinkFault => (state.isFrozen ? { kind: 'half-open' } : this.#faultOf(port));
      const onBytes = (count: number): void => void (this.#bytesPassed += count);
      const pipes: [Pipe, Pipe] = [
        new Pipe(client, target, faultNow, onBytes),
        new Pipe(target, client, faultNow, onBytes),
      ];
      const connection: Connection = { targetPort: port, client, target, pipes, state };
      this.#connections.add(connection);
      // A half-open link shows nobody that the other end is gone.
      const onClose = (): void => {
        if (faultNow().kind !== 'half-open') this.#tear(connection);
      };
      client.on('close', onClose);
      target.on('close', onClose);
      client.resume();
    });
  }

  #tear(connection: Connection): void {
    this.#connections.delete(connection);
    for (const pipe of connection.pipes) pipe.stop();
    connection.client.destroy();
    connection.target.destroy();
  }
}
