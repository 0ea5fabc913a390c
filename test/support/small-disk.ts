// A disk that can be full: a small tmpfs of its own. Only root may mount one; elsewhere its tests are skipped, and counted.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'vitest';

const FILLER = 'filler';
const CHUNK_BYTES = [1024 * 1024, 4096, 1] as const;

/** A mounted tmpfs. */
export class SmallDisk implements Disposable {
  readonly directory: string;

  /** Mounts one of so many MiB at `directory`, which is made. */
  constructor(directory: string, mebibytes: number) {
    mkdirSync(directory, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', directory]);
    this.directory = directory;
  }

  /** Leaves no room at all. Somebody else may be writing, so it is done until nothing more goes in. */
  fill(): void {
    const descriptor = openSync(join(this.directory, FILLER), 'a');
    for (const bytes of CHUNK_BYTES) {
      const chunk = new Uint8Array(bytes);
      try {
        while (writeSync(descriptor, chunk) > 0);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
    closeSync(descriptor);
  }

  /** Gives it another size. */
  resize(mebibytes: number): void {
    execFileSync('mount', ['-o', `remount,size=${mebibytes}m`, this.directory]);
  }

  makeRoom(): void {
    rmSync(join(this.directory, FILLER), { force: true });
  }

  [Symbol.dispose](): void {
    execFileSync('umount', ['-l', this.directory]);
  }
}

/** Skips the test where nothing can be mounted; in CI that is a failure. */
export function needsMounts(context: TestContext): void {
  if (canMount()) return;
  if (process.env['CI'] === undefined) context.skip('only root may mount a tmpfs');
  throw new Error('CI must run the tests that mount a tmpfs: run them as root');
}

/** Root in a container may not. */
function canMount(): boolean {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return false;
  const directory = mkdtempSync(join(tmpdir(), 'millrace-mount-'));
  try {
    new SmallDisk(directory, 1)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
