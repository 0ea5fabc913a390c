// The server end of a slot's data exchange: listens, lets in TaskManagers of the cluster that show the token, and hands out links.
import { hostname } from 'node:os';
import { Server, status, type ServerDuplexStream } from '@grpc/grpc-js';
import { classify, formatAddress, isWildcard, MillraceError } from '@millrace/common';
import type { TlsIdentity } from '@millrace/common/node';
import { checkCaller, serverCredentials } from '@millrace/proto/grpc';
import {
  EXCHANGE_OPTIONS,
  LINK_SERVICE,
  SERVER_LIMITS,
  isSameToken,
  readLinkRequest,
  type LinkAttempt,
} from './data-exchange-service.ts';
import type { LinkMessageV1 } from './link-message-v1.ts';
import type { Link } from './link.ts';
import { StreamLink } from './stream-link.ts';

/** Links that may wait for the slot's deployment at a time. */
const WAITING_LINKS_MAX = 4_096;

export interface DataExchangeOptions {
  readonly host: string;
  /** Under which others reach it; default: the address bound, or the machine's name where that is a wildcard. */
  readonly advertisedHost?: string | undefined;
  readonly token: string;
  /** With it every connection is mutual TLS, between TaskManagers only. */
  readonly identity?: TlsIdentity | undefined;
}

/** Connections are closed by this side: nothing waits for the other one. */
const CLOSE_MS_MAX = 100;

interface WaitingLink {
  readonly attempt: LinkAttempt;
  readonly link: Link;
  readonly refuse: (reason: string) => void;
}

/**
 * Contract: links of other attempts than the one served, or without its secret, are refused; links that come before `serve` wait for it.
 * Threading: the slot's thread.
 */
export class DataExchangeServer {
  readonly #server = new Server({ ...EXCHANGE_OPTIONS, ...SERVER_LIMITS });
  readonly #waiting = new Set<WaitingLink>();
  #served: { readonly attempt: LinkAttempt; readonly onLink: (link: Link) => void } | undefined;
  #address = '';

  private constructor({ token, identity }: DataExchangeOptions) {
    this.#server.addService(LINK_SERVICE, {
      exchange: (call: ServerDuplexStream<Uint8Array, LinkMessageV1>) => {
        try {
          checkCaller(call, identity, ['taskmanager']);
        } catch (error) {
          refuse(call, status.UNAUTHENTICATED, classify(error).message);
          return;
        }
        const request = readLinkRequest(call.metadata);
        if (isSameToken(request.token, token)) this.#onCall(call, request);
        else refuse(call, status.UNAUTHENTICATED, 'wrong token');
      },
    });
  }

  /** Listens on a port that the system chooses. @throws {MillraceError} MR_IO when it cannot */
  static async open(options: DataExchangeOptions): Promise<DataExchangeServer> {
    const opened = new DataExchangeServer(options);
    const { host, identity } = options;
    const port = await new Promise<number>((resolve, reject) => {
      opened.#server.bindAsync(formatAddress(host, 0), serverCredentials(identity), (error, bound) => {
        if (error === null) resolve(bound);
        else
          reject(
            new MillraceError('MR_IO', `Cannot open a data exchange port on ${host}: ${error.message}`, {
              cause: error,
            }),
          );
      });
    });
    const shownHost = options.advertisedHost ?? (isWildcard(host) ? hostname() : host);
    opened.#address = formatAddress(shownHost, port);
    return opened;
  }

  /** `host:port` that consumers connect to. */
  get address(): string {
    return this.#address;
  }

  /** Says which attempt this slot runs; called once. */
  serve(attempt: LinkAttempt, onLink: (link: Link) => void): void {
    this.#served = { attempt, onLink };
    for (const waiting of this.#waiting) this.#match(waiting);
    this.#waiting.clear();
  }

  close(): void {
    this.#server.forceShutdown();
  }

  /**
   * Closes, and resolves when no connection is left, or after some milliseconds. Before its thread is terminated: if that happens while a call
   * comes in, HTTP/2 has a stream without JavaScript, and Node ends the process over its first bytes ("onread->IsFunction()").
   */
  async closed(): Promise<void> {
    this.close();
    let limit: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      limit = setTimeout(resolve, CLOSE_MS_MAX);
      this.#server.tryShutdown(() => resolve());
    });
    clearTimeout(limit);
  }

  #onCall(call: ServerDuplexStream<Uint8Array, LinkMessageV1>, attempt: LinkAttempt): void {
    const link = new StreamLink(call, { peer: call.getPeer(), abort: () => call.destroy() });
    const waiting: WaitingLink = {
      attempt,
      link,
      refuse: (reason) => refuse(call, status.FAILED_PRECONDITION, reason),
    };
    if (this.#served !== undefined) return this.#match(waiting);
    if (this.#waiting.size >= WAITING_LINKS_MAX)
      return waiting.refuse('too many links wait for a deployment');
    this.#waiting.add(waiting);
    call.on('cancelled', () => this.#waiting.delete(waiting));
  }

  #match(waiting: WaitingLink): void {
    const served = this.#served;
    if (served !== undefined && isSameAttempt(waiting.attempt, served.attempt)) served.onLink(waiting.link);
    else waiting.refuse('this slot runs another attempt');
  }
}

function isSameAttempt(shown: LinkAttempt, served: LinkAttempt): boolean {
  return (
    shown.jobId === served.jobId &&
    shown.attemptNumber === served.attemptNumber &&
    isSameToken(shown.linkSecret, served.linkSecret)
  );
}

function refuse(call: ServerDuplexStream<Uint8Array, LinkMessageV1>, code: status, details: string): void {
  call.emit('error', { code, details });
}
