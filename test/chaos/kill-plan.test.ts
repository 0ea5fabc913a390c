// What the rounds have in store.
import { expect, test } from 'vitest';
import { CRASH_POINTS, planKills, type Stroke } from './kill-plan.ts';
import { SEEDS } from './seeds.ts';

const victimsOf = (stroke: Stroke): string => ('victims' in stroke ? stroke.victims.join(' ') : '');

test('equal seeds give equal plans of six strokes, other seeds others', () => {
  for (const seed of SEEDS) {
    expect(planKills(seed)).toEqual(planKills(seed));
    expect(planKills(seed).length).toBe(6);
  }
  expect(new Set(SEEDS.map((seed) => JSON.stringify(planKills(seed)))).size).toBe(SEEDS.length);
});

test('the rounds together come by every crash point, and kill the JobManager, each TaskManager, and several at once', () => {
  const strokes = SEEDS.flatMap((seed) => planKills(seed));
  const points = new Set(strokes.flatMap((stroke) => (stroke.kind === 'crash-point' ? [stroke.point] : [])));
  expect([...points].sort()).toEqual([...CRASH_POINTS, 'taskmanager-slot-deployed'].sort());
  expect(new Set(strokes.map(({ kind }) => kind)).size).toBe(4);
  const victims = new Set(strokes.map(victimsOf));
  for (const one of ['jobmanager', 'taskmanager-1', 'taskmanager-2', 'taskmanager-1 taskmanager-2'])
    expect([...victims]).toContain(one);
  expect([...victims].some((names) => names.includes('jobmanager') && names.includes('taskmanager'))).toBe(
    true,
  );
});
