// Printed lines, which travel from TaskManagers to the JobManager and from there to clients.
import type { OutputLine } from './messages.ts';
import { malformed, safeInteger, type wire } from './wire.ts';

/** Lines in one message at most. */
export const OUTPUT_LINES_MAX = 10_000;

/** Room for the lines of one attempt in their numbers, which stay below 2^53 for two million attempts. */
export const OUTPUT_LINES_OF_ATTEMPT = 2 ** 32;

/** Printed lines as the generated encoder takes them. */
export function outputMessage(lines: readonly OutputLine[]): wire.v1.OutputMessage.$Properties {
  return {
    lines: lines.map(({ nodeId, subtaskIndex, sequence, form, text, title }) => ({
      nodeId,
      subtaskIndex,
      sequence,
      isRow: form === 'row',
      text,
      title: title ?? '',
    })),
  };
}

/**
 * Printed lines of a decoded message.
 * @throws {MillraceError} MR_PROTOCOL
 */
export function outputLinesOf(message: wire.v1.OutputMessage.$Properties): OutputLine[] {
  if ((message.lines?.length ?? 0) > OUTPUT_LINES_MAX) throw malformed('it has too many output lines');
  return (message.lines ?? []).map((line) => ({
    nodeId: safeInteger(line.nodeId ?? 0, 'nodeId'),
    subtaskIndex: safeInteger(line.subtaskIndex ?? 0, 'subtaskIndex'),
    sequence: safeInteger(line.sequence ?? 0, 'sequence'),
    form: line.isRow ? 'row' : 'text',
    text: line.text ?? '',
    ...(line.title ? { title: line.title } : {}),
  }));
}
