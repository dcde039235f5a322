import type { ListFormat } from '../../changes/change-lists.js';
import { isRegularFile } from '../../files/same-file.js';
import { isStandardOutput } from '../../files/sink.js';
import { writeOutput } from '../../files/write-output.js';
import type { Closing, Totals } from '../../format/lvs/maps/closing.js';
import type { Kind } from '../../format/lvs/maps/header.js';
import type { ByteSink } from '../../format/lvs/writer.js';
import type { FormatName } from '../../format/open-stream.js';
import type { StreamFormat } from '../options.js';
import { print, printJson } from './print.js';
import { formatSize, sayTotals } from './sizes.js';
import { visible } from './visible.js';

/** A stream or map that has been written, as its writer tells of it. */
export interface Written {
  readonly format: FormatName | ListFormat;
  readonly kind?: Kind | undefined;
  readonly totals: Totals & Pick<Closing, 'consistent'>;
  readonly fileSize: number;
}

/** What {@link Written} says of a stream of that kind in that format. */
export function writtenAs(format: StreamFormat, kind: Kind): Pick<Written, 'format' | 'kind'> {
  return format === 'lvmsync' ? { format: 'lvmsync3' } : { format, kind };
}

/** Writes a result as `writeOutput` does; returns what the writer does, and the bytes that it wrote. */
export function writeCounted<T>(
  path: string,
  options: { readonly force?: boolean | undefined },
  write: (sink: ByteSink) => Promise<T>,
): Promise<Counted<T>> {
  return writeOutput(path, options, (output) => countTo(output, write));
}

/** What a writer returns, and the bytes that it wrote. */
interface Counted<T> {
  readonly totals: T;
  readonly fileSize: number;
}

/** Runs a writer on an output, and counts what it writes. */
export async function countTo<T>(
  output: ByteSink,
  write: (sink: ByteSink) => Promise<T>,
): Promise<Counted<T>> {
  let fileSize = 0;
  const totals = await write({
    write: async (bytes) => {
      await output.write(bytes);
      fileSize += bytes.length;
    },
  });
  return { totals, fileSize };
}

/** Says on standard output, unless the stream itself went there, what was written. */
export async function reportWritten(
  path: string,
  written: Written,
  { quiet = false, json }: { readonly quiet?: boolean | undefined; readonly json: boolean },
): Promise<void> {
  if (isStandardOutput(path)) return;
  if (json) await printJson({ stream: path, ...describeForPrograms(written) });
  else if (!quiet) await print(`${visible(path)}: ${describe(written, isRegularFile(path))}\n`);
}

/** What went into a pipe, or nowhere, is no file of any size. */
function describe({ kind, totals, fileSize }: Written, isFile: boolean): string {
  const file = isFile ? `, in a file of ${formatSize(fileSize)}` : '';
  const moment = totals.consistent === false ? ', not consistent (no single moment)' : '';
  return `written, ${sayTotals(totals, kind)}${file}${moment}`;
}

function describeForPrograms({ format, kind, totals, fileSize }: Written) {
  const { size, records, runs, data, zeros, low, high, consistent } = totals;
  return { format, kind, size, records, runs, data, zeros, low, high, consistent, fileSize };
}
