import type { RecordBatch } from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { writePlain } from '../format/lvmsync/plain.js';
import type { Closing, Totals } from '../format/lvs/maps/closing.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { writeLvs } from '../format/lvs/write-lvs.js';
import { writeMap, type RangeParts } from '../format/lvs/write-map.js';
import type { ByteSink, ClosingExtras } from '../format/lvs/writer.js';

/** A stream that is made of others (§7), on its way to be written. */
export interface DerivedStream {
  /** With `baseDigests` every batch says what the device must hold before. */
  readonly header: StreamHeader;
  /** To be iterated once. */
  readonly batches: AsyncIterable<RecordBatch>;
  /** Asked once the last batch has been taken. */
  readonly extras: () => ClosingExtras;
}

/** A map that is made of others: ranges in place of batches. */
export interface DerivedMap extends Omit<DerivedStream, 'header' | 'batches'> {
  readonly header: StreamHeader & { readonly kind: 'map' };
  /** Ascending and apart; to be iterated once. */
  readonly ranges: RangeParts;
}

/** Writes what was derived as an `.lvs` file. Returns what the file says at its end. Throws what reading and `sink` throw. */
export function writeDerived(
  derived: DerivedStream | DerivedMap,
  sink: ByteSink,
  codec: FrameCodec,
): Promise<Closing> {
  const { extras } = derived;
  return 'ranges' in derived
    ? writeMap(derived.ranges, sink, codec, derived.header, extras)
    : writeLvs(derived.batches, sink, codec, derived.header, extras);
}

/** Writes it as a plain stream, which holds the records alone. Returns what was written. Throws as {@link writeDerived} does. */
export async function writeDerivedPlain(
  { batches, extras }: DerivedStream,
  sink: ByteSink,
): Promise<Totals & Pick<Closing, 'consistent'>> {
  const totals = await writePlain(batches, sink);
  return { ...totals, consistent: extras().consistent };
}
