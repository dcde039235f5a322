import type { Maker } from '../algebra/derived-header.js';
import {
  writeDerived,
  writeDerivedPlain,
  type DerivedMap,
  type DerivedStream,
} from '../algebra/derived-stream.js';
import { randomId } from '../codec/random-id.js';
import { RefusedError } from '../errors.js';
import type { Watch } from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { ByteSink } from '../format/lvs/writer.js';
import type { StreamFormat } from './options.js';
import { generator } from './package-version.js';
import { withProgress, type Total } from './print/progress.js';
import { writeCounted, writtenAs, type Written } from './print/written.js';

/** What {@link STREAM_OUTPUT} says of a stream that is to be written, and where: a file, or `-`. */
export interface StreamTarget {
  readonly path: string;
  readonly format: StreamFormat;
  readonly force: boolean;
  readonly quiet?: boolean | undefined;
}

/** What makes a stream of others. */
export interface StreamWork {
  /** What it does, as the progress bar says it. */
  readonly name: string;
  /** What to call the streams that it is made of in a message. */
  readonly from: string;
  /** Of all that passes what `derive` watches with. */
  readonly total: Total;
  readonly derive: (watch: Watch, maker: Maker) => Promise<DerivedStream | DerivedMap>;
}

/**
 * Writes a stream that is made of others, with a progress bar meanwhile; no file is there if that fails. What comes back is for
 * `reportWritten`. Throws what making and writing it throw, and `RefusedError` of a map that is to be plain.
 */
export async function writeStream(
  { name, from, total, derive }: StreamWork,
  codec: FrameCodec,
  { path, format, ...options }: StreamTarget,
): Promise<Written> {
  return withProgress(name, total, options, async (watch) => {
    const derived = await derive(watch, { id: randomId(), generator: generator(), time: Date.now() });
    if (format === 'lvmsync' && 'ranges' in derived) throw mapAsPlain(from);
    const written = await writeCounted(path, options, (sink) => writeAs(format, derived, sink, codec));
    return { ...writtenAs(format, derived.header.kind), ...written };
  });
}

function writeAs(
  format: StreamFormat,
  derived: DerivedStream | DerivedMap,
  sink: ByteSink,
  codec: FrameCodec,
): ReturnType<typeof writeDerivedPlain> {
  if (format === 'lvs' || 'ranges' in derived) return writeDerived(derived, sink, codec);
  return writeDerivedPlain(derived, sink);
}

/** Why a map can't be written as a plain stream. */
export function mapAsPlain(name: string): RefusedError {
  return new RefusedError(`${name}: a map holds no records, and a plain stream no ranges`, {
    hint: 'lvstream info --records lists its ranges',
  });
}
