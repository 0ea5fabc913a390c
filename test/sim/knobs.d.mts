/** Constants of the engine that a simulated run may change. */
export const knobs: readonly {
  readonly name: string;
  readonly file: string;
  readonly choices: readonly number[];
  readonly share?: number;
}[];
/** Returns `source` with its knobs made changeable. */
export function withKnobs(path: string, source: string): string;
