// Reads a sink's visible files while the job writes: whatever is visible must be whole, and stay as it is.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const PASS_INTERVAL_MS = 50;

/** Watches directories until `stop`. What it finds wrong is in `faults`. */
export class VisibleFiles {
  readonly #directories: readonly string[];
  readonly #bytesOf = new Map<string, number>();
  readonly #done: Promise<void>;
  readonly faults: string[] = [];
  #isStopped = false;

  constructor(directories: readonly string[]) {
    this.#directories = directories;
    this.#done = this.#run();
  }

  /** Visible files seen so far. */
  get count(): number {
    return this.#bytesOf.size;
  }

  /** Looks once more, and ends. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
    this.#pass();
    for (const path of this.#bytesOf.keys()) if (!existsSync(path)) this.faults.push(`${path} is gone`);
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#pass();
      await new Promise((resolve) => setTimeout(resolve, PASS_INTERVAL_MS));
    }
  }

  #pass(): void {
    for (const directory of this.#directories) {
      if (!existsSync(directory)) continue;
      for (const name of readdirSync(directory)) if (!name.startsWith('.')) this.#look(join(directory, name));
    }
  }

  #look(path: string): void {
    const before = this.#bytesOf.get(path);
    if (before === undefined) {
      const text = readFileSync(path, 'utf8');
      this.#bytesOf.set(path, Buffer.byteLength(text));
      const fault = faultOf(text);
      if (fault !== undefined) this.faults.push(`${path}: ${fault}`);
      return;
    }
    const { size } = statSync(path);
    if (size !== before) this.faults.push(`${path} had ${before} bytes and has ${size}`);
  }
}

function faultOf(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (!text.endsWith('\n')) return 'does not end with a line';
  try {
    // All lines at once: one text, one parse.
    JSON.parse(`[${text.trimEnd().replaceAll('\n', ',')}]`);
    return undefined;
  } catch {
    return 'has a line that is no JSON';
  }
}

/** Hidden files in the directories: what is not committed. */
export function hiddenFiles(directories: readonly string[]): string[] {
  return directories.flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => name.startsWith('.'))
      .map((name) => join(directory, name)),
  );
}
