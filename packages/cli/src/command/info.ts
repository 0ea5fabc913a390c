// `info`: the plan of a job, without running it.
import { explain, type ExplainFormat } from '@millrace/jobmanager';
import { MillraceError } from '@millrace/common';
import { ExitCode } from '../exit-code.ts';
import { prepareJob, type RunOptions } from './prepare-job.ts';

const FORMATS: readonly ExplainFormat[] = ['text', 'json', 'mermaid'];

export async function info(
  file: string,
  args: readonly string[],
  options: RunOptions & { readonly format?: string },
): Promise<ExitCode> {
  const wanted = options.json === true ? 'json' : (options.format ?? 'text');
  const format = FORMATS.find((known) => known === wanted);
  if (format === undefined)
    throw new MillraceError(
      'MR_USAGE',
      `Cannot print the plan as "${wanted}": choose one of ${FORMATS.join(', ')}`,
    );
  const { submission } = await prepareJob(file, args, options);
  const text = explain(submission.streamGraph, {
    format,
    ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
  });
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return ExitCode.Ok;
}
