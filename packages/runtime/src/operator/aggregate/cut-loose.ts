// [HOT] What goes into state must not pin the batch that it came in: a field's text is a slice of its whole column's.
import { flattenString } from '@millrace/state';

/** Shorter slices are copied by V8 itself. */
const SLICE_LENGTH_MIN = 13;
/** Deeper values are left as they are. */
const DEPTH_MAX = 16;

/** Returns `value` with its strings cut loose from larger ones: in place where they are fields, which nobody can tell. */
export function cutLoose(value: unknown): unknown {
  if (typeof value === 'string') return value.length < SLICE_LENGTH_MIN ? value : flattenString(value);
  if (typeof value === 'object' && value !== null) cutFieldsLoose(value, 0);
  return value;
}

function cutFieldsLoose(owner: object, depth: number): void {
  const fields = owner as Record<string, unknown>;
  for (const name in fields) {
    const field = fields[name];
    if (typeof field === 'string') {
      if (field.length >= SLICE_LENGTH_MIN) cutFieldLoose(fields, name, field);
    } else if (
      typeof field === 'object' &&
      field !== null &&
      depth < DEPTH_MAX &&
      !ArrayBuffer.isView(field)
    ) {
      cutFieldsLoose(field, depth + 1);
    }
  }
}

function cutFieldLoose(owner: Record<string, unknown>, name: string, text: string): void {
  const property = Object.getOwnPropertyDescriptor(owner, name);
  if (property?.writable === true) owner[name] = flattenString(text);
}
