import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { noScratch } from '../ranges/memory-scratch.js';
import { RecordedRanges } from '#src/compare/recorded-ranges.js';
import { batchOf } from '../streams.js';
import { readingDevice } from './memory-device.js';

const MIB = 1 << 20;

test('remembers 2 GiB that were overwritten, whose bytes are equal by chance here and there', async () => {
  const [before, after] = [randomBytes(MIB), randomBytes(MIB)];
  const device = readingDevice(2048 * MIB, 'device', (target, offset) => {
    target.set(after.subarray(offset % MIB, (offset % MIB) + target.length));
  });
  const recorded = new RecordedRanges(
    device,
    { name: 'take-back', stream: 'undo', device: 'device', skipPastEnd: false },
    noScratch,
  );
  for (let i = 0; i < 2048; i++) await recorded.addPreImages(batchOf([{ offset: i * MIB, data: before }]));
  for (let i = 0; i < 2048; i++) await recorded.addStream(batchOf([{ offset: i * MIB, data: after }]));
  expect(recorded.isOpen).toBe(false);
  recorded.check();
}, 60_000);
