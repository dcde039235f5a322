import type { MergeSource, Spill } from '../../algebra/sort/merge-source.js';
import { openScratchFile } from '../../codec/scratch-file.js';
import type { RecordBatch } from '../../format/batch.js';
import { ByteReader } from '../../format/byte-reader.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import { attachPieces } from '../../format/lvs/attach-pieces.js';
import { readFileIndex, type FileBytes } from '../../format/lvs/file-index.js';
import { writeLvs } from '../../format/lvs/write-lvs.js';
import { openStream } from '../../format/open-stream.js';
import type { Scratch } from '../../ranges/scratch.js';

/** A file of usual frames: what is read ahead, a batch, a page, and the buffers that wait to be used again. */
const READING_MEMORY = 6 << 20;
const READ_AHEAD = 1 << 20;

/** Nobody else ever sees one, so that each may have the same id. */
const SPILLED = { id: new Uint8Array(16), kind: 'changes', requires: [], order: 'sorted' } as const;

export interface SpillOptions {
  /** Compresses what is spilled; its level should be low. */
  readonly writing: FrameCodec;
  readonly reading: FrameCodec;
  /** Where the files are; undefined: where TMPDIR says. */
  readonly folder?: string | undefined;
  /** Batches carry base digests. */
  readonly pieces?: boolean | undefined;
}

/**
 * Spills sorted streams as `.lvs` to files that have no name, so that nothing is left of them however the process ends. Each
 * has a file open until it is closed. Throws `DeviceError` where there is no room.
 */
export function createSpill({ writing, reading, folder, pieces = false }: SpillOptions): Spill {
  const header = { ...SPILLED, baseDigests: pieces || undefined };
  return async (batches, name) => {
    const scratch = openScratchFile(folder);
    try {
      let size = 0;
      const sink = {
        write: async (bytes: Uint8Array) => {
          scratch.write(size, bytes);
          size += bytes.length;
        },
      };
      await writeLvs(flow(batches), sink, writing, header, {}, { digest: false });
      return { ...spilled(scratch, size, reading, pieces), name };
    } catch (error) {
      scratch.close();
      throw error;
    }
  };
}

async function* flow(batches: AsyncIterable<RecordBatch> | Iterable<RecordBatch>) {
  yield* batches;
}

function spilled(
  scratch: Scratch,
  size: number,
  codec: FrameCodec,
  pieces: boolean,
): Omit<MergeSource, 'name'> {
  return {
    isSorted: true,
    memory: READING_MEMORY,
    size,
    open: () => readSpilled(scratch, size, codec, pieces),
    close: () => {
      scratch.close();
    },
  };
}

async function* readSpilled(
  scratch: Scratch,
  size: number,
  codec: FrameCodec,
  pieces: boolean,
): AsyncGenerator<RecordBatch> {
  const file: FileBytes = {
    size,
    readAt: async (target, position) => {
      scratch.read(position, target);
    },
  };
  const options = { checked: true, readAhead: READ_AHEAD };
  const { batches } = await openStream(new ByteReader(startOf(scratch, size)), codec, options);
  const index = pieces ? await readFileIndex(file, codec) : undefined;
  yield* index ? attachPieces(batches, index.pages()) : batches;
}

function startOf(scratch: Scratch, size: number) {
  let position = 0;
  return {
    readInto: async (target: Uint8Array) => {
      const part = target.subarray(0, Math.min(target.length, size - position));
      if (part.length > 0) scratch.read(position, part);
      position += part.length;
      return part.length;
    },
  };
}
