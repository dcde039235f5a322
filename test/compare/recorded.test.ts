import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { noScratch } from '../ranges/memory-scratch.js';
import { RecordedRanges } from '#src/compare/recorded-ranges.js';
import { batchOf } from '../streams.js';

const MIB = 1 << 20;

test('remembers 2 GiB that were overwritten, whose bytes are equal by chance here and there', () => {
  const [before, after] = [randomBytes(MIB), randomBytes(MIB)];
  const readInto = (target: Uint8Array, offset: number) => {
    target.set(after.subarray(offset % MIB, (offset % MIB) + target.length));
  };
  const recorded = new RecordedRanges(
    { name: 'device', size: 2048 * MIB, readInto },
    { name: 'take-back', stream: 'undo', device: 'device', skipPastEnd: false },
    noScratch,
  );
  for (let i = 0; i < 2048; i++) recorded.addPreImages(batchOf([{ offset: i * MIB, data: before }]));
  for (let i = 0; i < 2048; i++) recorded.addStream(batchOf([{ offset: i * MIB, data: after }]));
  expect(recorded.isOpen).toBe(false);
  recorded.check();
}, 60_000);
