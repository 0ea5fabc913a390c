// Artifacts on this TaskManager's disk: fetched once, checked against their hashes each time they are used.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MillraceError, invariant } from '@millrace/common';
import type { ArtifactFile, ArtifactManifest } from '@millrace/proto';

/** Gives a file's bytes by its hash; whoever asks checks them. */
export type ArtifactSource = (file: ArtifactFile) => Promise<Uint8Array>;

/**
 * Contract: `directoryOf` resolves to a directory that holds exactly the manifest's files, as their hashes say. A file
 * that changed on disk is fetched again once. Threading: calls may overlap; each artifact is fetched once at a time.
 */
export class ArtifactCache {
  readonly #root: string;
  readonly #fetch: ArtifactSource;
  readonly #pending = new Map<string, Promise<string>>();

  constructor(root: string, fetch: ArtifactSource) {
    this.#root = root;
    this.#fetch = fetch;
  }

  /**
   * @throws {MillraceError} MR_ARTIFACT_CORRUPT when what the source gives is not what the manifest says; MR_INTERNAL when
   * the manifest names a path outside the artifact; whatever the source throws
   */
  directoryOf(manifest: ArtifactManifest): Promise<string> {
    for (const { path } of manifest.files) checkPath(path);
    const name = hashOf(
      Buffer.from(JSON.stringify(manifest.files.map(({ path, sha256 }) => [path, sha256]))),
    );
    const existing = this.#pending.get(name);
    if (existing !== undefined) return existing;
    const pending = this.#provide(manifest, join(this.#root, name)).finally(() => this.#pending.delete(name));
    this.#pending.set(name, pending);
    return pending;
  }

  async #provide(manifest: ArtifactManifest, directory: string): Promise<string> {
    if (await isWhole(manifest, directory)) return directory;
    await rm(directory, { recursive: true, force: true });
    const temporary = `${directory}.${randomBytes(6).toString('hex')}`;
    for (const file of manifest.files) {
      const bytes = await this.#fetch(file);
      const sha256 = hashOf(bytes);
      if (sha256 !== file.sha256) throw corrupt(file, sha256);
      await mkdir(dirname(join(temporary, file.path)), { recursive: true });
      await writeFile(join(temporary, file.path), bytes);
    }
    await rename(temporary, directory);
    return directory;
  }
}

async function isWhole(manifest: ArtifactManifest, directory: string): Promise<boolean> {
  for (const file of manifest.files) {
    const bytes = await readFile(join(directory, file.path)).catch(() => undefined);
    if (bytes === undefined || hashOf(bytes) !== file.sha256) return false;
  }
  return true;
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function checkPath(path: string): void {
  const isInside =
    path !== '' && !path.startsWith('/') && !path.includes('\\') && !path.split('/').includes('..');
  invariant(isInside, 'an artifact names a path outside itself');
}

function corrupt(file: ArtifactFile, actual: string): MillraceError {
  return new MillraceError(
    'MR_ARTIFACT_CORRUPT',
    `Cannot use artifact file "${file.path}": its SHA-256 is "${actual}", the manifest says "${file.sha256}"`,
    {
      details: { path: file.path, expectedSha256: file.sha256, actualSha256: actual },
    },
  );
}
