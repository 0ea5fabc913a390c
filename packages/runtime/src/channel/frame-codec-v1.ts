import { decodeBatchV1, encodeBatchV1 } from '@millrace/proto';
import type { FrameCodec } from './frame-codec.ts';
export const frameCodecV1: FrameCodec = {
  encode: (header, element) => {
    const head = Buffer.from(JSON.stringify(element.kind === 0 ? { header } : { header, element }));
    const body = element.kind === 0 ? encodeBatchV1(element.batch) : new Uint8Array();
    const out = new Uint8Array(4 + head.length + body.length);
    new DataView(out.buffer).setUint32(0, head.length);
    out.set(head, 4); out.set(body, 4 + head.length);
    return out;
  },
  encodeUpstream: (header, element) => Buffer.from(JSON.stringify({ header, element })),
  decode: (bytes) => {
    const n = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    const head = JSON.parse(Buffer.from(bytes.slice(4, 4 + n)).toString());
    return head.element ? head : { header: head.header, element: { kind: 0, batch: decodeBatchV1(bytes.slice(4 + n)) } };
  },
  decodeUpstream: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
};
