/** A post in the timeline of a user. */
export interface TimelineRow {
  readonly user: string;
  readonly post: number;
  readonly author: string;
  readonly at: number;
}

export function computeTimelines(directory: string): readonly TimelineRow[];
export function applyChanges(changes: readonly unknown[]): readonly TimelineRow[];
