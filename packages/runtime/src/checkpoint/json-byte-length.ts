// How much room a value takes in a control message.

/** Bytes of a value as JSON in UTF-8; 0 for undefined. */
export function jsonByteLength(value: unknown): number {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? 0 : new TextEncoder().encode(text).byteLength;
}
