// Where the compiled worker entry is.

/**
 * URL of the compiled worker entry. Threads cannot load TypeScript on the oldest supported Node, so that sources (tests,
 * development) use the file that the last build made beside them.
 */
export function workerEntry(): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return isSource ? new URL('../../dist/thread/worker-main.js', import.meta.url) : new URL('./worker-main.js', import.meta.url);
}
