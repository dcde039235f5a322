import { Density } from '../ranges/density.js';
import { FormatError } from '../errors.js';
import { eachRange } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import type { Closing } from '../format/lvs/maps/closing.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { FileIndex } from '../format/lvs/file-index.js';
import type { Order, StreamHeader } from '../format/lvs/maps/header.js';
import type { Dialect } from '../format/lvmsync/dialect.js';
import { PLAIN_HEADER, type ChangeStream } from '../format/open-stream.js';
import { readThrough } from '../format/read-through.js';
import { Tally } from '../format/totals.js';
import { walkRecords } from '../format/lvmsync/walk-headers.js';
import { addFrames, addRanges } from './frame-density.js';
import {
  namingFaults,
  openIndex,
  type PlainHeaders,
  type StreamFile,
  type StreamInput,
} from './open-input.js';

/** What a stream is, as far as it can be told without reading more than that takes. */
export interface Inspection {
  readonly format: ChangeStream['format'];
  readonly header: StreamHeader;
  /** Without a digest of a plain stream in a file, whose data is not read. */
  readonly closing: Closing;
  /** Of a plain stream. */
  readonly dialect?: Dialect | undefined;
  /** The best that the header promises or that was found. */
  readonly order: Order;
  /** Where it writes. */
  readonly density: Density;
  /** Bytes of the file; undefined of a pipe. */
  readonly fileSize: number | undefined;
}

/**
 * Looks at a stream: of an `.lvs` file at header and index and a few frames, of a plain one in a file at its record
 * headers, of a pipe and of other projects' streams at everything. Throws the fault that reading all of it would meet
 * first, if what is looked at has one.
 */
export async function inspect(input: StreamInput, codec: FrameCodec): Promise<Inspection> {
  if (input.file?.plain) return inspectPlain(input.name, input.file, input.file.plain);
  if (input.file?.hasIndex !== true) return inspectAll(input, codec);
  try {
    const index = await openIndex(input, codec);
    return await inspectIndex(input.file, index!, codec);
  } catch (error) {
    if (error instanceof FormatError) await readThrough(await input.open(), codec);
    throw error;
  }
}

async function inspectIndex(file: StreamFile, index: FileIndex, codec: FrameCodec): Promise<Inspection> {
  const { header, closing } = index;
  const density = new Density();
  await addFrames(density, file, index, codec);
  return {
    format: 'lvs',
    header,
    closing,
    order: closing.order ?? header.order,
    density,
    fileSize: file.size,
  };
}

async function inspectPlain(
  name: string,
  file: StreamFile,
  { firstHeader, dialect }: PlainHeaders,
): Promise<Inspection> {
  const tally = new Tally();
  const density = new Density();
  const visit = (record: Range) => {
    tally.addRecord(record);
    density.add(record.offset, record.offset + record.length);
  };
  await namingFaults(name, () => walkRecords(file, firstHeader, dialect, visit));
  const format = `lvmsync${dialect.version}` as const;
  const found = { closing: tally.totals(), order: tally.order(), density, fileSize: file.size };
  return { format, header: PLAIN_HEADER, dialect, ...found };
}

async function inspectAll(input: StreamInput, codec: FrameCodec): Promise<Inspection> {
  const stream = await input.open();
  const density = new Density();
  const { order, closing } = await readThrough(
    stream,
    codec,
    (batch) => addRanges(density, eachRange(batch)),
    (ranges) => addRanges(density, ranges),
  );
  const { format, header, dialect } = stream;
  return { format, header, dialect, closing, order, density, fileSize: input.file?.size };
}
