// A slow disk, as a preload of Node (NODE_OPTIONS=--require): whatever is opened below MILLRACE_TEST_SLOW_DIRECTORY takes as
// many milliseconds longer as the file MILLRACE_TEST_SLOW_BY says at that moment.
'use strict';
const { readFileSync } = require('node:fs');
const promises = require('node:fs/promises');
const { syncBuiltinESMExports } = require('node:module');

const directory = process.env['MILLRACE_TEST_SLOW_DIRECTORY'] ?? '';
const control = process.env['MILLRACE_TEST_SLOW_BY'] ?? '';
const { open } = promises;

promises.open = async (path, ...rest) => {
  if (directory !== '' && String(path).startsWith(directory)) {
    const delayMs = Number(readFileSync(control, 'utf8'));
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
  return open(path, ...rest);
};
syncBuiltinESMExports();
