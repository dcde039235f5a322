import type { RandomAccessReader } from '../algebra/random-access.js';
import { splitZeroRuns } from '../algebra/split-zeros.js';
import { createPieceDigester } from '../device/digest-pieces.js';
import type { RecordBatch } from '../format/batch.js';
import type { FrameCodec } from '../format/codec.js';
import type { StreamHeader } from '../format/header.js';
import type { ByteSink } from '../format/lvs-writer.js';
import { resultState } from '../format/result-state.js';
import type { State } from '../format/state.js';
import { writeLvs } from '../format/write-lvs.js';
import { createSnapshotView } from './snapshot-view.js';
import { dumpChanges, dumpSnapshotData, type ThickSnapshot } from './thick-dump.js';

export interface ThickDumpOptions {
  /** The reverse: the stream that takes the origin back to the snapshot. */
  readonly undo: boolean;
  /** What the snapshot and the origin hold, where it has a name. */
  readonly snapshotState?: State | undefined;
  readonly originState?: State | undefined;
  /** The origin was not written to while it is read. */
  readonly consistent: boolean;
  /** Say of every piece what the device must hold before. */
  readonly baseDigests: boolean;
  /** 16 bytes that name the stream. */
  readonly id: Uint8Array;
  readonly generator: string;
}

/** The changes of a thick snapshot in the direction asked for; the caller owns each batch. */
export function thickBatches(snapshot: ThickSnapshot, undo: boolean): AsyncIterable<RecordBatch> {
  return undo ? dumpSnapshotData(snapshot) : dumpChanges(snapshot);
}

/** Writes the changes of a thick snapshot as an `.lvs` file. `watch` sees the batches pass. */
export async function writeThickDump(
  snapshot: ThickSnapshot,
  sink: ByteSink,
  codec: FrameCodec,
  options: ThickDumpOptions,
  watch: (batches: AsyncIterable<RecordBatch>) => AsyncIterable<RecordBatch> = (batches) => batches,
): Promise<void> {
  const { snapshotState, originState, undo, baseDigests, consistent } = options;
  const [base, result] = undo ? [originState, snapshotState] : [snapshotState, originState];
  const header = createHeader(snapshot, base, options);
  const batches = watch(splitZeroRuns(thickBatches(snapshot, undo)));
  const digested = baseDigests ? addBaseDigests(batches, baseOf(snapshot, undo), codec) : batches;
  await writeLvs(digested, sink, codec, header, (digest) => ({
    result: resultState({ base, result }, digest, codec),
    consistent,
    endTime: Date.now(),
  }));
}

function createHeader(
  { exceptions, origin }: ThickSnapshot,
  base: State | undefined,
  { id, generator, baseDigests }: ThickDumpOptions,
): StreamHeader {
  return {
    id,
    kind: 'changes',
    requires: [],
    order: 'sorted',
    base,
    baseDigests: baseDigests || undefined,
    baseSize: origin.size,
    resultSize: origin.size,
    chunkSize: exceptions.chunkSize,
    origin: { path: origin.name },
    generator,
    time: Date.now(),
  };
}

function baseOf({ exceptions, origin }: ThickSnapshot, undo: boolean): RandomAccessReader {
  return undo ? origin : createSnapshotView(exceptions, origin);
}

async function* addBaseDigests(
  batches: AsyncIterable<RecordBatch>,
  base: RandomAccessReader,
  codec: FrameCodec,
): AsyncGenerator<RecordBatch> {
  const digestPieces = createPieceDigester(base, codec);
  for await (const batch of batches) yield { ...batch, pieces: digestPieces(batch) };
}
