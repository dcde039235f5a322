import { describe, expect, it } from 'vitest';
import { readPreImages } from '#src/device/pre-images.js';
import { createBufferPool, dataSize, type Range, type RecordBatch } from '#src/format/batch.js';
import { BATCH_SIZE, MIN_ZERO_RUN, RECORD_HEADER_SIZE } from '#src/format/layout.js';
import { memoryDevice } from './memory-device.js';

const COUNT = 300_000;
const MOST_IN_A_BATCH = BATCH_SIZE / (RECORD_HEADER_SIZE + 1);

describe('pre-images', () => {
  it('hold one batch of ranges at a time, however many there are', async () => {
    let taken = 0;
    function* ranges(): Generator<Range> {
      for (; taken < COUNT; taken++) yield { offset: 2 * taken, length: 1 };
    }
    const images = readPreImages(ranges(), memoryDevice(new Uint8Array(2 * COUNT)), createBufferPool());
    let saved = 0;
    for await (const image of images) {
      saved += dataSize(image);
      expect(taken - saved).toBeLessThan(MOST_IN_A_BATCH);
    }
    expect(saved).toBe(COUNT);
  });

  it('are zeros where the device has long holes, those that touch as one', async () => {
    const ranges = [0, 1, 3].map((i) => ({ offset: i * MIN_ZERO_RUN, length: MIN_ZERO_RUN }));
    const device = { ...memoryDevice(new Uint8Array(4 * MIN_ZERO_RUN)), allocated: () => [] };
    const images: RecordBatch[] = [];
    for await (const image of readPreImages(ranges, device, createBufferPool())) images.push(image);
    expect(images).toEqual([
      {
        kind: 'zeros',
        ranges: [
          { offset: 0, length: 2 * MIN_ZERO_RUN },
          { offset: 3 * MIN_ZERO_RUN, length: MIN_ZERO_RUN },
        ],
      },
    ]);
  });
});
