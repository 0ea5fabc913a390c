// A preload of Node (NODE_OPTIONS=--require): profiles this thread and writes what it did into BENCH_PROFILE_DIRECTORY, in parts of
// some seconds. BENCH_PROFILE_KIND: `cpu`, or `heap` for what allocates. `npm run bench -- … --profile` sets both.
'use strict';
const { Session } = require('node:inspector');
const { writeFileSync } = require('node:fs');
const path = require('node:path');
const { BroadcastChannel, isMainThread, threadId, Worker } = require('node:worker_threads');

const directory = process.env['BENCH_PROFILE_DIRECTORY'];
const isHeap = process.env['BENCH_PROFILE_KIND'] === 'heap';
const PART_MS = 30_000;
const SAMPLING_MICROSECONDS = 500;
const SAMPLING_BYTES = 64 * 1024;
/** A thread that is to be terminated has this long to write its last part. */
const LAST_PART_MS = 300;
/** What threads of a process are told before one of them is terminated. */
const CHANNEL = 'bench-profile';

if (directory !== undefined) profile();

function profile() {
  const session = new Session();
  session.connect();
  const post = (method, params) => {
    let result;
    // Of a session in its own thread: the answer comes within the call.
    session.post(method, params, (error, answer) => {
      if (error) throw error;
      result = answer;
    });
    return result;
  };
  const label = isMainThread
    ? process.argv
        .slice(1, 3)
        .map((part) =>
          path
            .basename(part)
            .replaceAll(/[^\w.-]/g, '_')
            .slice(0, 24),
        )
        .join('_')
    : 'worker';
  let part = 0;
  const name = (extension) =>
    path.join(directory, `${process.pid}-${threadId}-${label || 'node'}-${part++}.${extension}`);
  const begin = () => {
    if (isHeap)
      post('HeapProfiler.startSampling', {
        samplingInterval: SAMPLING_BYTES,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true,
      });
    else post('Profiler.start');
  };
  const end = () => {
    const profiled = post(isHeap ? 'HeapProfiler.stopSampling' : 'Profiler.stop').profile;
    writeFileSync(name(isHeap ? 'heapprofile' : 'cpuprofile'), JSON.stringify(profiled));
  };
  const next = () => {
    end();
    begin();
  };

  post(isHeap ? 'HeapProfiler.enable' : 'Profiler.enable');
  if (!isHeap) post('Profiler.setSamplingInterval', { interval: SAMPLING_MICROSECONDS });
  begin();
  setInterval(next, PART_MS).unref();
  process.once('exit', end);
  const channel = new BroadcastChannel(CHANNEL);
  channel.unref();
  if (isMainThread) {
    const workers = Worker.prototype;
    const terminateNow = Reflect.get(workers, 'terminate');
    workers.terminate = async function terminate() {
      channel.postMessage('');
      await new Promise((resolve) => setTimeout(resolve, LAST_PART_MS));
      return terminateNow.call(this);
    };
  } else channel.onmessage = next;
}
