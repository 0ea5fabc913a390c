// Artifacts as files named by their SHA-256. They are stored and handed out, never executed here.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '@millrace/common';
import { ARTIFACT_CHUNK_BYTES, type ArtifactFile, type ArtifactManifest } from '@millrace/proto';

/** Bytes of all files of an artifact at most. */
const ARTIFACT_BYTES_MAX = 64 * 1024 * 1024;
/** Files of an artifact at most. */
const ARTIFACT_FILES_MAX = 1_000;
const TEMPORARY_PREFIX = '.tmp-';

/** @throws {MillraceError} MR_ARTIFACT_TOO_LARGE for more bytes or files than are taken */
export function checkArtifactSize(manifest: ArtifactManifest): void {
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes <= ARTIFACT_BYTES_MAX && manifest.files.length <= ARTIFACT_FILES_MAX) return;
  throw new MillraceError(
    'MR_ARTIFACT_TOO_LARGE',
    `Cannot submit the job: its artifact has ${manifest.files.length} files with ${bytes} bytes, and at most ${ARTIFACT_FILES_MAX} files with ${ARTIFACT_BYTES_MAX} bytes are taken. Read large tables from a path at run time instead of importing them`,
    {
      details: {
        bytes,
        bytesMax: ARTIFACT_BYTES_MAX,
        files: manifest.files.length,
        filesMax: ARTIFACT_FILES_MAX,
      },
    },
  );
}

/** Threading: one thread; several uploads may run at once. */
export class ArtifactFiles {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directory, and removes what a crash left half-written. */
  static async open(directory: string): Promise<ArtifactFiles> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(directory))
      if (name.startsWith(TEMPORARY_PREFIX)) await rm(join(directory, name), { force: true });
    return new ArtifactFiles(directory);
  }

  async has(sha256: string): Promise<boolean> {
    try {
      return (await stat(this.#path(sha256))).isFile();
    } catch {
      return false;
    }
  }

  /** Starts to store a file. */
  async upload(file: ArtifactFile): Promise<ArtifactUpload> {
    const temporary = join(this.#directory, `${TEMPORARY_PREFIX}${randomBytes(8).toString('hex')}`);
    return new ArtifactUpload(file, {
      temporary,
      final: this.#path(file.sha256),
      handle: await open(temporary, 'wx', 0o600),
    });
  }

  /** Makes the names of what was uploaded durable. */
  async sync(): Promise<void> {
    const handle = await open(this.#directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /**
   * The bytes of a file, in chunks.
   * @throws {MillraceError} MR_ARTIFACT_CORRUPT when it is not there, MR_PROTOCOL for a name that is no hash
   */
  async *read(sha256: string): AsyncGenerator<Uint8Array> {
    const path = this.#path(sha256);
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (cause) {
      throw new MillraceError(
        'MR_ARTIFACT_CORRUPT',
        `Cannot hand out artifact file ${sha256}: it is not there`,
        { details: { sha256 }, cause },
      );
    }
    try {
      for (;;) {
        const chunk = new Uint8Array(ARTIFACT_CHUNK_BYTES);
        const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength);
        if (bytesRead === 0) return;
        yield chunk.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  async delete(sha256: string): Promise<void> {
    await rm(this.#path(sha256), { force: true });
  }

  /** Deletes what nothing uses. Only when no upload is under way. */
  async retain(used: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#directory))
      if (!used.has(name)) await rm(join(this.#directory, name), { force: true });
  }

  #path(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256))
      throw new MillraceError('MR_PROTOCOL', 'Cannot find an artifact file: its name is no SHA-256');
    return join(this.#directory, sha256);
  }
}

/** One file on its way in. It gets its name when all bytes are there and hash to it. */
export class ArtifactUpload {
  readonly file: ArtifactFile;
  readonly #to: { readonly temporary: string; readonly final: string; readonly handle: FileHandle };
  readonly #hash = createHash('sha256');
  #bytes = 0;

  constructor(
    file: ArtifactFile,
    to: { readonly temporary: string; readonly final: string; readonly handle: FileHandle },
  ) {
    this.file = file;
    this.#to = to;
  }

  /** @throws {MillraceError} MR_ARTIFACT_CORRUPT for bytes out of order or beyond the stated length */
  async append(offset: number, content: Uint8Array): Promise<void> {
    if (offset !== this.#bytes || offset + content.byteLength > this.file.bytes)
      throw this.#corrupt('its parts do not fit together');
    this.#hash.update(content);
    this.#bytes += content.byteLength;
    await this.#to.handle.writeFile(content);
  }

  /** @throws {MillraceError} MR_ARTIFACT_CORRUPT when the bytes are not those of the manifest */
  async complete(): Promise<void> {
    if (this.#bytes !== this.file.bytes || this.#hash.digest('hex') !== this.file.sha256)
      throw this.#corrupt('its bytes are not those of the manifest');
    await this.#to.handle.sync();
    await this.#to.handle.close();
    await rename(this.#to.temporary, this.#to.final);
  }

  async abandon(): Promise<void> {
    await this.#to.handle.close().catch(() => undefined);
    await rm(this.#to.temporary, { force: true });
  }

  #corrupt(why: string): MillraceError {
    return new MillraceError(
      'MR_ARTIFACT_CORRUPT',
      `Cannot store artifact file "${this.file.path}": ${why}`,
      { details: { path: this.file.path } },
    );
  }
}
