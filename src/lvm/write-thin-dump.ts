import { splitZeroRuns } from '../algebra/split-zeros.js';
import type { RecordBatch } from '../format/batch.js';
import type { FrameCodec } from '../format/codec.js';
import type { StreamHeader } from '../format/header.js';
import type { ByteSink } from '../format/lvs-writer.js';
import { resultState } from '../format/result-state.js';
import type { State } from '../format/state.js';
import { writeLvs } from '../format/write-lvs.js';
import { dumpThinChanges, type ThinChanges } from './thin-dump.js';

export interface ThinDumpOptions {
  /** What the devices from and to hold, where it has a name (`thin:POOL-UUID/ID`). */
  readonly base?: State | undefined;
  readonly result?: State | undefined;
  /** The source was not written to while it is read. */
  readonly consistent: boolean;
  /** 16 bytes that name the stream. */
  readonly id: Uint8Array;
  readonly generator: string;
}

/** Writes the changes between two thin devices as an `.lvs` file. `watch` sees the batches pass. */
export async function writeThinDump(
  changes: ThinChanges,
  sink: ByteSink,
  codec: FrameCodec,
  options: ThinDumpOptions,
  watch: (batches: AsyncIterable<RecordBatch>) => AsyncIterable<RecordBatch> = (batches) => batches,
): Promise<void> {
  const batches = watch(splitZeroRuns(dumpThinChanges(changes)));
  await writeLvs(batches, sink, codec, createHeader(changes, options), (digest) => ({
    result: resultState(options, digest, codec),
    consistent: options.consistent,
    endTime: Date.now(),
  }));
}

/** Metadata knows no sizes of volumes: that of the base stays unsaid. */
function createHeader({ pool, source }: ThinChanges, { base, id, generator }: ThinDumpOptions): StreamHeader {
  return {
    id,
    kind: 'changes',
    requires: [],
    order: 'sorted',
    base,
    resultSize: source.size,
    chunkSize: pool.superblock.dataBlockSize,
    origin: { path: source.name },
    generator,
    time: Date.now(),
  };
}
