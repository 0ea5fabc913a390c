// The benchmarks refuse arguments that mean nothing before anything runs; `scripts/bench.mjs` makes a line of that.
import { expect, test } from 'vitest';
import { main as bare } from '../bench/bare/main.ts';
import { main as goals } from '../bench/goals/main.ts';
import { main as guards } from '../bench/guards.ts';
import { main as micro } from '../bench/main.ts';
import { main as nexmark } from '../bench/nexmark/main.ts';
import { main as peers } from '../bench/peers/main.ts';
import { main as recovery } from '../bench/recovery/main.ts';
import { main as rescale } from '../bench/rescale/main.ts';
import { main as scale } from '../bench/scale/main.ts';
import { main as soak } from '../soak/main.ts';

type Main = (argv: string[]) => Promise<number>;

test.each<readonly [string, Main, readonly string[]]>([
  ['micro', micro, ['no-such-bench']],
  ['bare', bare, ['--rows', 'no-such-row']],
  ['nexmark', nexmark, ['--queries', 'q0,q99']],
  ['nexmark', nexmark, ['--events', 'many']],
  ['nexmark', nexmark, ['--parallelism', '1.5']],
  ['nexmark', nexmark, ['--runs', '0.5']],
  ['nexmark', nexmark, ['--checkpoint-interval', 'often']],
  ['nexmark', nexmark, ['--checkpoint-interval', '0']],
  ['nexmark', nexmark, ['--state', 'disk']],
  ['nexmark', nexmark, ['--rate', '1000']],
  ['nexmark', nexmark, ['--seconds', '10']],
  ['nexmark', nexmark, ['--latency', '--events', '1000000']],
  ['nexmark', nexmark, ['--latency', '--event-rate', '1000']],
  ['nexmark', nexmark, ['--latency', '--runs', '2']],
  ['nexmark', nexmark, ['--embedded', '--taskmanagers', '1']],
  ['nexmark', nexmark, ['--taskmanagers', '3']],
  ['nexmark', nexmark, ['--events', '99']],
  ['nexmark', nexmark, ['--queries', '']],
  ['peers', peers, ['--workloads', 'no-such-workload']],
  ['peers', peers, ['--repeat', '0']],
  ['peers', peers, ['--records', '0.5']],
  ['peers', peers, ['--flink-backend', 'disk']],
  ['peers', peers, ['--workloads', 'wordcount', '--queries', 'q0']],
  ['peers', peers, ['--workloads', 'wordcount', '--flink-backend', 'rocksdb']],
  ['peers', peers, ['--only-millrace', '--flink-backend', 'rocksdb']],
  ['recovery', recovery, ['--rounds', '']],
  ['rescale', rescale, ['--megabytes', '0']],
  ['scale', scale, ['--part', 'slots,no-such-part']],
  ['scale', scale, ['--part', 'slots', '--keys-max', '10000']],
  ['scale', scale, ['--part', 'keys', '--keys-max', '100']],
  ['scale', scale, ['--minutes', '5']],
  ['goals', goals, ['--part', 'no-such-part']],
  ['goals', goals, ['--part', 'machine', '--queries', 'q0']],
  ['goals', goals, ['--part', 'nexmark-rocksdb', '--queries', 'q0']],
  ['goals', goals, ['--part', 'nexmark-rocksdb', '--only-millrace']],
  ['goals', goals, ['--part', 'nexmark', '--workloads', 'wordcount']],
  ['goals', goals, ['--part', 'latency', '--repeat', '3']],
  ['goals', goals, ['--minutes', '5']],
  ['goals', goals, ['--part', 'machine', '--workloads', 'toString']],
  ['soak', soak, ['--minutes', 'x']],
  ['soak', soak, ['quick']],
  ['soak', soak, ['--seconds', '5']],
  ['soak', soak, ['slow', '--minutes', '5']],
])('%s refuses a wrong value: %#', async (_name, main, argv) => {
  await expect(main([...argv])).rejects.toMatchObject({ code: 'MR_USAGE' });
});

test.each<readonly [string, Main]>([
  ['micro', micro],
  ['guards', guards],
  ['bare', bare],
  ['nexmark', nexmark],
  ['peers', peers],
  ['recovery', recovery],
  ['rescale', rescale],
  ['scale', scale],
  ['goals', goals],
  ['soak', soak],
])('%s refuses an option that it does not have', async (_name, main) => {
  await expect(main(['--no-such-option'])).rejects.toMatchObject({ code: 'ERR_PARSE_ARGS_UNKNOWN_OPTION' });
});
