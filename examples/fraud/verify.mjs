// Compares what the job wrote with an independent computation. Exit code 1 when they differ.
//
//   node examples/fraud/verify.mjs [--out out] [--data examples/fraud/data]
import { verifyOutputs } from '../verify-outputs.mjs';
import { computeAlerts } from './reference.mjs';

verifyOutputs(import.meta.url, computeAlerts);
