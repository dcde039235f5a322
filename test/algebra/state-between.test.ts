import { expect, it } from 'vitest';
import { following, isKnownNotToFollow, stateBetween } from '#src/algebra/follows.js';

const NOW = 1000;
const from = { id: 'uuid:1', time: 10, covers: ['lv:a', 'lv:b'] };

it.each([
  ['gap', true],
  ['left-out', true],
  ['earlier', true],
  ['same', false],
  ['covered', false],
  ['unknown', false],
] as const)('%s is known not to follow: %s', (found, known) => {
  expect(isKnownNotToFollow(found)).toBe(known);
});

it('a stream that was read when the state was is not earlier', () => {
  const ends = { base: { id: 'lv:a' }, result: { id: 'uuid:2', time: 10 }, exhaustive: true };
  expect(following(from, ends)).toBe('covered');
});

it.each([
  [undefined, undefined, 'covered'],
  ['uuid:bitmap', 'uuid:bitmap', 'covered'],
  ['uuid:bitmap', undefined, 'gap'],
  [undefined, 'uuid:bitmap', 'gap'],
  ['uuid:bitmap', 'uuid:other', 'gap'],
])('what the state is told by, %s, and the stream, %s: %s', (tracks, resultTracks, found) => {
  const ends = {
    base: { id: 'lv:a' },
    result: { id: 'uuid:2', time: 10, tracks: resultTracks },
    exhaustive: true,
  };
  expect(following({ ...from, tracks }, ends)).toBe(found);
});

it.each([
  [undefined, 10],
  [10, undefined],
])('a stream of time %s counts as earlier than a state of time %s', (time, stateTime) => {
  const ends = { base: { id: 'lv:a' }, result: { id: 'uuid:2', time }, exhaustive: true };
  expect(following({ ...from, time: stateTime }, ends)).toBe('earlier');
});

it('a state in between is no single moment, and covers what both of its ends cover, themselves among them', () => {
  const to = { id: 'uuid:2', time: 20, until: 30, covers: ['lv:b', 'uuid:1', 'lv:c'] };
  expect(stateBetween('uuid:3', from, to, NOW)).toEqual({
    id: 'uuid:3',
    time: 20,
    until: 30,
    consistent: false,
    covers: ['uuid:1', 'lv:b'],
    tracks: undefined,
  });
  expect(stateBetween('uuid:3', from, undefined, NOW).covers).toEqual([]);
});

it('a state between two that are told by different things covers nothing', () => {
  const tracked = { ...from, tracks: 'uuid:bitmap' };
  const to = { id: 'uuid:2', time: 20, covers: ['uuid:1'] };
  expect(stateBetween('uuid:3', tracked, to, NOW)).toMatchObject({ covers: [], tracks: 'uuid:bitmap' });
  expect(stateBetween('uuid:3', tracked, { ...to, tracks: 'uuid:bitmap' }, NOW).covers).toEqual(['uuid:1']);
});

it.each([
  ['of a named end, its time', { id: 'lv:c', time: 20 }, 20],
  ['of another, when its reading ended', { id: 'uuid:2', time: 20, until: 30 }, 30],
  ['of one that may still have been read, now', { id: 'uuid:2', time: 20 }, NOW],
  ['of no end, now', undefined, NOW],
  ['never before the state that it began from', { id: 'lv:c', time: 5 }, 10],
])('a state in between is as late as its ends: %s', (_, to, until) => {
  expect(stateBetween('uuid:3', from, to, NOW).until).toBe(until);
});

it('a state in between of no known time has none', () => {
  expect(stateBetween('uuid:3', { id: 'lv:a' }, { id: 'lv:c' }, NOW).until).toBeUndefined();
});
