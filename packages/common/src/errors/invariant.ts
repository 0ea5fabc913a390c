// Programmer errors. Not caught by anything local: the subtask fails with fault `internal`.
import { MillraceError } from './millrace-error.ts';

/** Throws MR_INTERNAL with a constant `message` unless `condition` holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new MillraceError('MR_INTERNAL', `Invariant violated: ${message}`);
}

/** Marks the end of an exhaustive switch: the compiler checks it, and a value from outside fails loudly. */
export function unreachable(value: never): never {
  throw new MillraceError('MR_INTERNAL', `Invariant violated: unexpected value ${String(value)}`);
}
