import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { splitZeroRuns } from '../algebra/zeros/split-zeros.js';
import { onInterrupt } from '../files/interrupt.js';
import { openInput, type StreamInput } from '../files/open-input.js';
import { makeTemporaryFolder } from '../codec/scratch-file.js';
import { writeOutput } from '../files/write-output.js';
import { zeroRecords, type RecordBatch } from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { FIRST_LINE_BYTES } from '../format/first-line.js';
import { recordHeader } from '../format/record.js';
import { StreamDigest } from '../format/stream-digest.js';
import { Tally } from '../format/totals.js';
import type { Changes } from './changes.js';
import { dumpHeader, endOfDump, writeDump, type DumpOptions, type Watch } from './write-changes.js';

/**
 * Changes as a stream to apply at once, as it is read: nothing is encoded on the way. It can be opened once. `watch`
 * sees the batches pass. The changes stay the caller's.
 */
export function inputOf(
  changes: Changes,
  name: string,
  codec: FrameCodec,
  options: DumpOptions,
  watch: Watch,
): StreamInput {
  return {
    name,
    path: undefined,
    file: undefined,
    rewindable: false,
    dialect: undefined,
    firstHeader: 0,
    open: async () => {
      const tap = new Tap(codec);
      const header = dumpHeader(changes, options);
      return {
        format: 'lvs',
        header,
        batches: tap.pass(watch(splitZeroRuns(changes.batches())), changes),
        closing: () => {
          const { digest, settled, ...totals } = tap.result();
          return { ...totals, digest, ...endOfDump(header, settled, digest, codec) };
        },
      };
    },
    close: () => undefined,
  };
}

/** Finds out on the way what a file would say at its end. */
class Tap {
  readonly #digest: StreamDigest;
  readonly #tally = new Tally();
  #settled: ReturnType<Changes['settle']> = { consistent: false };

  constructor(codec: FrameCodec) {
    this.#digest = new StreamDigest(codec);
    this.#digest.update(FIRST_LINE_BYTES);
  }

  /** Throws what the changes throw, also at their end. */
  async *pass(batches: AsyncIterable<RecordBatch>, changes: Changes): AsyncGenerator<RecordBatch> {
    for await (const batch of batches) {
      this.#add(batch);
      yield batch;
    }
    this.#settled = changes.settle();
  }

  result() {
    return { ...this.#tally.totals(), digest: this.#digest.digest(), settled: this.#settled };
  }

  #add(batch: RecordBatch): void {
    this.#tally.add(batch);
    if (batch.kind === 'data') this.#digest.update(batch.bytes);
    else {
      for (const { offset, length } of zeroRecords(batch.ranges)) {
        this.#digest.update(recordHeader(offset, length));
        this.#digest.updateZeros(length);
      }
    }
  }
}

/** The same by way of a temporary file that is gone when the input is closed: it can be opened again and again. */
export async function spoolChanges(
  changes: Changes,
  codec: FrameCodec,
  options: DumpOptions,
  watch: Watch,
): Promise<StreamInput> {
  const folder = makeTemporaryFolder();
  const remove = () => {
    rmSync(folder, { recursive: true, force: true });
  };
  const forget = onInterrupt(remove);
  const path = join(folder, 'changes.lvs');
  try {
    await writeOutput(path, {}, (output) => writeDump(changes, output, codec, options, watch));
    return await openInput(path, codec, { pieces: true });
  } finally {
    remove();
    forget();
  }
}
