#!/usr/bin/env node
// Sets what libuv reads before its first use, then loads the command. CommonJS, because the ES module loader would already
// have started the thread pool: LevelDB of all slots shares it (slots + 4, 16 covers up to 12 slots).
'use strict';
process.env.UV_THREADPOOL_SIZE ??= '16';
import('../dist/main.js').then(
  (millrace) =>
    millrace.main(process.argv.slice(2)).then((exitCode) => {
      process.exitCode = exitCode;
      // A job file was loaded in this process: a timer or a socket that it opened must not keep the command.
      process.stdout.write('', () => process.stderr.write('', () => process.exit()));
    }),
  (error) => {
    process.stderr.write(
      `Cannot load millrace: ${error && error.message}. Build it first: npm start or npm test\n`,
    );
    process.exitCode = 1;
  },
);
