// Waits for what another process does.
const POLL_MS = 5;

/** Resolves as soon as `condition` holds. @throws when it does not within `timeoutMs`: a bound, never a way to place something */
export async function until(
  condition: () => boolean | Promise<boolean>,
  of: { readonly timeoutMs: number; readonly what: string },
): Promise<void> {
  const deadlineMs = performance.now() + of.timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`Waited ${of.timeoutMs} ms in vain for ${of.what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
