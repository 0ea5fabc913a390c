/** Of one campaign and hour. */
export interface Rate {
  readonly campaign: string;
  readonly hour: string;
  readonly impressions: number;
  readonly clicks: number;
  readonly rate: number;
}

export function computeRates(directory: string): readonly Rate[];
