import type { RecordBatch } from '../format/batch.js';
import type { FrameCodec } from '../format/codec.js';
import type { ByteSink } from '../format/lvs-writer.js';
import type { State } from '../format/state.js';
import type { Watch } from './progress.js';

/** What every form of `dump` can be told. */
export interface DumpOptions {
  /** What the device holds before and after, where it has a name. */
  readonly baseState: State | undefined;
  readonly resultState: State | undefined;
  readonly consistent: boolean;
  /** 16 bytes that name the stream. */
  readonly id: Uint8Array;
  readonly generator: string;
}

/** Something that `dump` can dump, opened. */
export interface DumpForm {
  /** Bytes of the changes. */
  readonly countBytes: () => number;
  /** The changes; the caller owns each batch. */
  readonly batches: () => AsyncIterable<RecordBatch>;
  /** Writes them as an `.lvs` file; `watch` sees the batches pass. */
  readonly write: (sink: ByteSink, codec: FrameCodec, options: DumpOptions, watch: Watch) => Promise<void>;
}
