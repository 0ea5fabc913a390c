// `certs create`: the certificates of a cluster, and what its clients need of them.
import { resolve } from 'node:path';
import { copyForClient, makeCertificates } from '../certs/certificate-files.ts';
import { ExitCode } from '../exit-code.ts';
import { clusterDirectoryOf, printJson, printLines, type GlobalOptions } from './context.ts';

export interface CertsCreateOptions extends GlobalOptions {
  readonly directory?: string;
  readonly clientDir?: string;
  readonly days: number;
  readonly force?: boolean;
}

/** Makes certificates and, where there is none, the token. Does nothing where all is there, so that it may run at each start. */
export async function certsCreate(options: CertsCreateOptions): Promise<ExitCode> {
  const cluster = clusterDirectoryOf(options);
  const directory = options.directory === undefined ? cluster.certs : resolve(options.directory);
  const { isNew, expiryMs } = await makeCertificates({
    directory,
    days: options.days,
    isForced: options.force === true,
    nowMs: Date.now(),
  });
  const token = cluster.makeToken();
  const clientDirectory = options.clientDir === undefined ? undefined : resolve(options.clientDir);
  if (clientDirectory !== undefined) copyForClient(directory, token, clientDirectory);
  const expires = new Date(expiryMs).toISOString();
  if (options.json === true) printJson({ directory, created: isNew, expires });
  else {
    printLines([
      `${isNew ? 'Made certificates in' : 'Certificates are in'} ${directory}, valid until ${expires}`,
      ...(clientDirectory === undefined
        ? []
        : [`Clients: millrace run --config-dir ${clientDirectory} job.ts`]),
    ]);
  }
  return ExitCode.Ok;
}
