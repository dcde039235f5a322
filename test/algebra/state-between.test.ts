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
