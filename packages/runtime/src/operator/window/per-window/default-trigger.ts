// The triggers of windows that have none of their own.
import {
  countTrigger,
  eventTimeTrigger,
  processingTimeTrigger,
  type TriggerSpec,
  type WindowAssignerSpec,
} from '@millrace/api';

/** Returns the trigger that a window's assigner brings along. */
export function defaultTrigger(assigner: WindowAssignerSpec): TriggerSpec {
  if (assigner.kind === 'count') return countTrigger(assigner.size);
  return assigner.timeDomain === 'processing' ? processingTimeTrigger() : eventTimeTrigger();
}
