// Where dead letters go that the program does nothing with: JSON lines, written exactly once, and only when there are any.
import { sinkBrand } from '../brand.ts';
import type { Sink } from '../connector/sink.ts';
import { fileCommitter } from '../file-sink/file-committer.ts';
import { FileWriter } from '../file-sink/file-writer.ts';
import { parseCommittable } from '../file-sink/committable.ts';
import type { RecordEncoder } from '../file-sink/record-encoder.ts';
import type { DeadLetter } from './dead-letter.ts';

const MAX_FILE_BYTES = 128 * 1024 * 1024;
const NEWLINE = 0x0a;
/** UTF-8 needs at most this many bytes a UTF-16 code unit. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

/** Directory of a job's dead letters, below the directory where it was submitted. */
export function deadLetterDirectory(jobName: string): string {
  const name = jobName.replaceAll(/[^\p{L}\p{N}._ -]/gu, '_');
  return `dead-letters/${name.startsWith('.') ? `_${name}` : name}`;
}

/**
 * Writes dead letters as JSON lines below `directory`. Contract: files are committed with their checkpoints, as those of any
 * file sink; no file and no directory is made before the first dead letter.
 */
export function deadLetterSink(directory: string): Sink<DeadLetter> {
  return Object.freeze<Sink<DeadLetter>>({
    [sinkBrand]: 1,
    name: `dead letters ${directory}`,
    describe: () => ({ format: 'jsonLines', path: directory }),
    openWriter: (context, restored) =>
      FileWriter.open<DeadLetter>(
        context,
        {
          directory: directory.startsWith('/') ? directory : `${context.baseDirectory}/${directory}`,
          extension: 'jsonl',
          maxFileBytes: MAX_FILE_BYTES,
          encoder: lineEncoder,
          makesDirectoryLate: true,
        },
        restored.map(parseCommittable),
      ),
    openCommitter: (context) => fileCommitter(context.files),
  });
}

const lineEncoder: RecordEncoder<DeadLetter> = {
  fileHeader: () => undefined,
  encode: (letter, target, at) => {
    const text = JSON.stringify(letter);
    if (at + text.length * UTF8_BYTES_PER_UNIT_MAX + 1 > target.length) return -1;
    const end = at + target.write(text, at, 'utf8');
    target[end] = NEWLINE;
    return end + 1;
  },
  encodeAlone: (letter) => Buffer.from(`${JSON.stringify(letter)}\n`, 'utf8'),
};
