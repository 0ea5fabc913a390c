import { Prng } from '@millrace/common';
import { expect, test } from 'vitest';
import { WatermarkValve } from './watermark-valve.ts';

test('WatermarkValve gives the least watermark of its channels', () => {
  const valve = new WatermarkValve(2);
  expect(valve.onWatermark(0, 10)).toBe(false);
  expect(valve.onWatermark(1, 5)).toBe(true);
  expect(valve.currentMs).toBe(5);
  expect(valve.onWatermark(1, 20)).toBe(true);
  expect(valve.currentMs).toBe(10);
});

test('WatermarkValve is not held back by idle channels, and is idle when all are', () => {
  const valve = new WatermarkValve(2);
  valve.onWatermark(0, 10);
  expect(valve.onStatus(1, true)).toBe(true);
  expect(valve.currentMs).toBe(10);
  expect(valve.onStatus(0, true)).toBe(false);
  expect(valve.isIdle).toBe(true);
  expect(valve.currentMs).toBe(10);
});

test('WatermarkValve waits for a channel that wakes up behind it and never goes back', () => {
  const valve = new WatermarkValve(2);
  valve.onWatermark(0, 10);
  valve.onStatus(1, true);
  expect(valve.onStatus(1, false)).toBe(false);
  expect(valve.onWatermark(0, 30)).toBe(false);
  expect(valve.onWatermark(1, 4)).toBe(false);
  expect(valve.currentMs).toBe(10);
  expect(valve.onWatermark(1, 25)).toBe(true);
  expect(valve.currentMs).toBe(25);
});

test('WatermarkValve leaves finished channels out and is finished when all are', () => {
  const valve = new WatermarkValve(3);
  valve.onWatermark(0, 10);
  valve.onWatermark(1, 20);
  expect(valve.onEndOfInput(2)).toBe(true);
  expect(valve.currentMs).toBe(10);
  expect(valve.onEndOfInput(0)).toBe(true);
  expect(valve.currentMs).toBe(20);
  valve.onEndOfInput(1);
  expect(valve.isFinished).toBe(true);
  expect(valve.isIdle).toBe(false);
});

test('WatermarkValve is idle when those that have not finished are', () => {
  const valve = new WatermarkValve(2);
  valve.onStatus(0, true);
  valve.onEndOfInput(1);
  expect(valve.isIdle).toBe(true);
  expect(valve.isFinished).toBe(false);
});

test('WatermarkValve gives nothing at or below its start', () => {
  const valve = new WatermarkValve(1, 100);
  expect(valve.onWatermark(0, 100)).toBe(false);
  expect(valve.onWatermark(0, 101)).toBe(true);
});

test('WatermarkValve never passes an active channel and never goes back, whatever comes', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const prng = new Prng(seed);
    const channelCount = 1 + prng.below(4);
    const valve = new WatermarkValve(channelCount);
    const model = Array.from({ length: channelCount }, () => ({
      watermarkMs: -Infinity,
      isIdle: false,
      isFinished: false,
    }));
    let lastMs = -Infinity;
    for (let step = 0; step < 60; step++) {
      const index = prng.below(channelCount);
      const channel = model[index];
      if (channel === undefined || channel.isFinished) continue;
      const action = prng.below(10);
      if (action < 6) {
        const timestampMs = prng.below(100);
        channel.watermarkMs = Math.max(channel.watermarkMs, timestampMs);
        valve.onWatermark(index, timestampMs);
      } else if (action < 9) {
        channel.isIdle = !channel.isIdle;
        valve.onStatus(index, channel.isIdle);
      } else {
        channel.isFinished = true;
        valve.onEndOfInput(index);
      }
      expect(valve.currentMs).toBeGreaterThanOrEqual(lastMs);
      const active = model.filter((each) => !each.isIdle && !each.isFinished).map((each) => each.watermarkMs);
      const isAdvanced = valve.currentMs > lastMs;
      expect(isAdvanced ? valve.currentMs : Math.min(...active)).toBe(Math.min(...active));
      expect(valve.isFinished).toBe(model.every((each) => each.isFinished));
      lastMs = valve.currentMs;
    }
  }
});

test('WatermarkValve names the split that holds back the channel that holds it back', () => {
  const valve = new WatermarkValve(3);
  valve.onWatermark(0, 10, 'a');
  valve.onWatermark(1, 5, 'b');
  expect(valve.holdingSplitId).toBe('');
  valve.onWatermark(2, 7, 'c');
  expect([valve.currentMs, valve.holdingSplitId]).toEqual([5, 'b']);
  valve.onWatermark(1, 20, 'b2');
  expect([valve.currentMs, valve.holdingSplitId]).toEqual([7, 'c']);
  valve.onStatus(2, true);
  expect([valve.currentMs, valve.holdingSplitId]).toEqual([10, 'a']);
  valve.onEndOfInput(0);
  expect([valve.currentMs, valve.holdingSplitId]).toEqual([20, 'b2']);
});
