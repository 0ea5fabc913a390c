// Link between two slots of one process: a MessagePort between their worker threads; frames are transferred, not copied.
import type { MessagePort } from 'node:worker_threads';
import { unreachable, type WireError } from '@millrace/common';
import type { Link, LinkEvents } from './link.ts';

type PortMessage =
  | { readonly kind: 'frame'; readonly id: number; readonly frame: Uint8Array }
  | { readonly kind: 'subscribe'; readonly id: number; readonly key: string }
  | { readonly kind: 'close'; readonly id: number; readonly error: WireError | undefined };

/** Contract: `port` is used by nobody else. A frame's ArrayBuffer, in which nothing else is, is transferred. */
export function portLink(port: MessagePort): Link {
  const post = (message: PortMessage): void => port.postMessage(message);
  return {
    isWithinProcess: true,
    open: (events) => {
      port.on('message', (message: PortMessage) => dispatch(message, events));
      port.on('close', () => events.onLinkClosed(undefined));
    },
    subscribe: (id, key) => post({ kind: 'subscribe', id, key }),
    sendFrame: (id, frame) => {
      port.postMessage({ kind: 'frame', id, frame } satisfies PortMessage, [frame.buffer as ArrayBuffer]);
    },
    closeChannel: (id, error) => post({ kind: 'close', id, error }),
    close: () => port.close(),
  };
}

function dispatch(message: PortMessage, events: LinkEvents): void {
  switch (message.kind) {
    case 'frame':
      events.onFrame(message.id, message.frame);
      return;
    case 'subscribe':
      events.onSubscribe(message.id, message.key);
      return;
    case 'close':
      events.onChannelClosed(message.id, message.error);
      return;
    default:
      unreachable(message);
  }
}
