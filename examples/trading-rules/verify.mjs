// Compares what the job wrote with an independent computation. Exit code 1 when they differ.
//
//   node examples/trading-rules/verify.mjs [--out out] [--data examples/trading-rules/data]
import { verifyOutputs } from '../verify-outputs.mjs';
import { computeSignals } from './reference.mjs';

verifyOutputs(import.meta.url, (data) => ({ signals: computeSignals(data) }));
