// Applies the changes that the job wrote and compares the tables with an independent computation. Exit code 1 when they differ.
//
//   node examples/home-timeline/verify.mjs [--out out] [--data examples/home-timeline/data]
import { verifyOutputs } from '../verify-outputs.mjs';
import { applyChanges, computeTimelines } from './reference.mjs';

verifyOutputs(import.meta.url, (data) => ({ timelines: computeTimelines(data) }), applyChanges);
