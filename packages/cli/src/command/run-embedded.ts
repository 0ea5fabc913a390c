// `run --embedded`: the whole cluster in this process; `--threads 0`: everything on this thread.
import { ExitCode } from '../exit-code.ts';
export async function runEmbedded(): Promise<ExitCode> { return ExitCode.Ok; }
