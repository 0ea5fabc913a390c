// Compares what the job wrote with an independent computation. Exit code 1 when they differ.
//
//   node examples/click-through-rate/verify.mjs [--out out] [--data examples/click-through-rate/data]
import { verifyOutputs } from '../verify-outputs.mjs';
import { computeRates } from './reference.mjs';

verifyOutputs(import.meta.url, (data) => ({ rates: computeRates(data) }));
