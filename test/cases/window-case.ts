// The form of the cases in windows.json, as its `format` says it.
import { readFileSync } from 'node:fs';

/** A time: a number, or `MAX`, `MAX-n`, `MIN`, `MIN+n`. */
export type CaseTime = number | string;

export interface CaseAssigner {
  readonly type: 'tumbling' | 'sliding' | 'session' | 'global' | 'cumulate' | 'count';
  readonly time?: string;
  readonly size?: number;
  readonly slide?: number;
  readonly offset?: number;
  readonly stagger?: string;
  readonly maxSize?: number;
  readonly step?: number;
  readonly gap?: number | { readonly cases: readonly GapRule[] };
  /** `33`: such an element opens no session by itself. */
  readonly rule?: string;
}

interface GapRule {
  readonly key?: string;
  readonly value?: number;
  readonly gap: number;
}

export interface CaseTrigger {
  readonly type: string;
  readonly of?: CaseTrigger;
  readonly interval?: number;
  readonly count?: number;
  readonly threshold?: number;
  readonly timeout?: number;
  readonly resetTimerOnNewRecord?: boolean;
  readonly clearOnTimeout?: boolean;
  readonly early?: CaseTrigger;
  readonly late?: CaseTrigger;
}

export interface CaseEvictor {
  readonly type: 'count' | 'time' | 'delta';
  readonly count?: number;
  readonly size?: number;
  readonly threshold?: number;
  readonly when: 'before' | 'after';
}

export type CaseWindow = readonly [CaseTime, CaseTime];

/** One step; of `element` both forms: a record with key and value, or a row with its kind. */
export interface CaseStep {
  readonly element?: CaseElement | number;
  readonly watermark?: CaseTime;
  readonly processingTime?: CaseTime;
  readonly snapshotAndRestore?: true;
  readonly expect?: readonly CaseOutput[];
  readonly expectLate?: readonly unknown[];
  readonly expectLateDropped?: number;
  // Steps of triggers.
  readonly window?: CaseWindow;
  readonly result?: string;
  readonly results?: readonly { readonly window: CaseWindow; readonly result: string }[];
  readonly resultsNotChecked?: true;
  readonly merge?: readonly CaseWindow[];
  readonly into?: CaseWindow;
  readonly clear?: CaseWindow;
  readonly eventTimer?: number;
  readonly timersAfter?: readonly {
    readonly kind: 'eventTimers' | 'processingTimers';
    readonly window?: CaseWindow;
    readonly count: number;
  }[];
  readonly inner?: string;
  readonly on?: 'element' | 'eventTimer' | 'processingTimer';
}

export interface CaseElement {
  readonly key?: string;
  readonly value?: number;
  readonly ts?: CaseTime | null;
  readonly kind?: string;
  readonly row?: readonly [unknown, number | null, CaseTime];
}

export interface CaseOutput {
  readonly value?: unknown;
  readonly ts?: CaseTime;
  readonly kind?: string;
  readonly row?: readonly unknown[];
  readonly watermark?: CaseTime;
}

export interface WindowCase {
  readonly name: string;
  readonly kind: 'operator' | 'assign' | 'merge' | 'trigger' | 'invalid';
  readonly layer?: string;
  readonly timeDomain: string;
  readonly assigner: CaseAssigner;
  readonly trigger?: CaseTrigger;
  readonly evictor?: CaseEvictor;
  readonly allowedLateness?: number;
  readonly lateSideOutput?: boolean;
  readonly function?: string;
  readonly state?: string;
  readonly orderMatters?: boolean | 'perKey';
  readonly produceUpdates?: boolean;
  readonly steps?: readonly CaseStep[];
  readonly assignments?: readonly {
    readonly ts?: number;
    readonly processingTime?: number;
    readonly windows: readonly (readonly [number, number] | string)[];
  }[];
  readonly windows?: readonly (readonly [number, number])[];
  readonly expectedMerges?: readonly {
    readonly of: readonly (readonly [number, number])[];
    readonly into: readonly [number, number];
  }[];
  readonly refused?: readonly { readonly [option: string]: number }[];
}

export function windowCases(): readonly WindowCase[] {
  const text = readFileSync(new URL('windows.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly cases: readonly WindowCase[] }).cases;
}

/**
 * Stands for the greatest time of a Java program, which is no exact double: windows of whole seconds fall around it as they do
 * around the true one. Nothing in the cases is near it but what is relative to it.
 */
const MAX_MS = 8_000_000_000_000_807;
/** Stands for the least time. */
export const MIN_MS = -8_000_000_000_000_808;

/** `MAX` itself is +Infinity: the end of all time. */
export function timeOf(time: CaseTime): number {
  if (typeof time === 'number') return time;
  if (time === 'MAX') return Infinity;
  const distance = Number(time.slice(4));
  return time.startsWith('MAX-') ? MAX_MS - distance : MIN_MS + (time === 'MIN' ? 0 : distance);
}

/** All times in a value in their own form. */
export function withTimes(value: unknown): unknown {
  if (typeof value === 'string' && /^(MAX|MIN)([-+]\d+)?$/.test(value)) return timeOf(value);
  if (Array.isArray(value)) return value.map(withTimes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, withTimes(field)]));
}
