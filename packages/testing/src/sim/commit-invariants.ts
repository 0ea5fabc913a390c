// What must hold when output becomes visible: a complete checkpoint names it, its bytes are durable, no attempt that was
// replaced does it first, and in the end nothing that a complete checkpoint names is missing.

/** A deployment that commits. */
export interface CommittingAttempt {
  readonly jobId: string;
  readonly attemptNumber: number;
  /** Of the subtasks in its slot. */
  readonly vertexIds: readonly string[];
}

/** Output that becomes visible. */
export interface Visible {
  /** As checkpoints name it. */
  readonly name: string;
  /** Whose commit it is. */
  readonly attempt: CommittingAttempt;
  readonly isDurable: boolean;
}

export class CommitInvariants {
  readonly #violated: (what: string) => void;
  /** By vertex: the newest attempt whose slots have all run. */
  readonly #running = new Map<string, number>();
  /** What complete checkpoints name. */
  readonly #committable = new Set<string>();
  readonly #committed = new Set<string>();

  constructor(violated: (what: string) => void) {
    this.#violated = violated;
  }

  /** Changes whenever more has become visible. */
  get count(): number {
    return this.#committed.size;
  }

  /** Another job begins: its attempts are counted anew. */
  nextJob(): void {
    this.#running.clear();
  }

  /** The state of an operator, in a checkpoint that is complete. */
  onComplete(inline: unknown): void {
    collectPendingNames(inline, this.#committable);
  }

  /** All slots of an attempt run. */
  onRunning(attemptNumber: number, vertexIds: readonly string[]): void {
    for (const vertexId of vertexIds)
      this.#running.set(vertexId, Math.max(attemptNumber, this.#running.get(vertexId) ?? 0));
  }

  onVisible({ name, attempt, isDurable }: Visible): void {
    if (!isDurable) this.#violated(`${name} becomes visible before its content is durable`);
    if (!this.#committable.has(name))
      this.#violated(`${name} becomes visible although no complete checkpoint names it`);
    const { attemptNumber, vertexIds } = attempt;
    const newest = Math.min(...vertexIds.map((vertexId) => this.#running.get(vertexId) ?? 0));
    if (attemptNumber < newest && !this.#committed.has(name)) {
      this.#violated(
        `attempt ${attemptNumber} commits ${name} for the first time although attempt ${newest} has run`,
      );
    }
    this.#committed.add(name);
  }

  /** The job is FINISHED. */
  onFinished(): void {
    const missing = [...this.#committable].filter((name) => !this.#committed.has(name));
    if (missing.length > 0)
      this.#violated(
        `the job is FINISHED, and ${missing.length} transactions of complete checkpoints are not committed: ${missing[0]}`,
      );
  }
}

/** Finds `pendingName` fields, wherever a sink's state has them. */
function collectPendingNames(json: unknown, into: Set<string>): void {
  if (typeof json !== 'object' || json === null) return;
  const { pendingName } = json as { readonly pendingName?: unknown };
  if (typeof pendingName === 'string') into.add(pendingName);
  for (const value of Object.values(json)) collectPendingNames(value, into);
}
