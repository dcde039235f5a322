import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { createPieceDigester } from '#src/compare/digest-pieces.js';
import { decodePieceRuns, PIECE_RUNS } from '#src/format/pieces.js';
import { batchOf, codec } from '../streams.js';
import { memoryDevice } from './memory-device.js';

it('of a piece that a device ends in or before nobody knows what it must hold', async () => {
  const device = new Uint8Array(4096 + 100).fill(7);
  const digest = createPieceDigester(memoryDevice(device), codec);
  const data = batchOf([{ offset: 0, data: new Uint8Array(3 * 4096) }]);
  const zeros = { kind: 'zeros', ranges: [{ offset: 0, length: 3 * 4096 }] } as const;
  const behind = { kind: 'zeros', ranges: [{ offset: 1 << 20, length: 5000 }] } as const;
  const runsOf = async (batch: Parameters<typeof digest>[0]) =>
    [...decodePieceRuns(await digest(batch), 0)].map(({ kind, count, digests }) => [
      kind,
      count,
      Buffer.from(digests).toString('hex'),
    ]);
  const first = createHash('sha256').update(device.subarray(0, 4096)).digest('hex').slice(0, 32);
  const expected = [
    [PIECE_RUNS.digests, 1, first],
    [PIECE_RUNS.unknown, 2, ''],
  ];
  expect(await runsOf(data)).toEqual(expected);
  expect(await runsOf(zeros)).toEqual(expected);
  expect(await runsOf(behind)).toEqual([[PIECE_RUNS.unknown, 2, '']]);
});
