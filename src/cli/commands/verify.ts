import type { RangeReader } from '../../algebra/random-access.js';
import { ResultComparison, type Comparison } from '../../compare/result-comparison.js';
import { openSettled } from '../../device/medium.js';
import { FormatError, formatSentence, RefusedError, type LvstreamError } from '../../errors.js';
import { plainSize, type StreamInput } from '../../files/open-input.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import { formatId } from '../../format/lvs/maps/identifier.js';
import { isMap, isPlain, type ChangeStream } from '../../format/open-stream.js';
import { readThrough, type ReadThrough } from '../../format/read-through.js';
import { expandFolders } from '../arguments/stream-folders.js';
import { defineCommand } from '../command.js';
import { eachStream } from './each-stream.js';
import { describeError, DIFFERENT, reportError } from '../exit.js';
import { DIALECT, dialectOf, JSON_OUTPUT, refuseInput } from '../options.js';
import { print, printJson } from '../print/print.js';
import { withProgress } from '../print/progress.js';
import { describeDialect } from '../print/remarks.js';
import { nameOf } from '../remedies.js';
import { formatSize, sayTotals } from '../print/sizes.js';
import { visible } from '../print/visible.js';
import { withOpen } from '../with-open.js';

interface Options {
  readonly json: boolean;
  readonly quiet?: boolean | undefined;
  /** The device that must hold the streams' result. */
  readonly device: RangeReader | undefined;
}

export const verify = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'streams of any format, or folders of them',
      })
      .option('against', {
        type: 'string',
        requiresArg: true,
        describe: 'also check that this device holds what the stream writes',
      })
      .option('json', JSON_OUTPUT)
      .options(DIALECT)
      .example('$0 /backup/vm', 'check every stream in the folder')
      .example('$0 vm.lvs --against /dev/vg/vm', 'check that the volume holds what vm.lvs writes'),
  run: async (args) => {
    const streams = await expandFolders(args.stream, args);
    refuseInput('-', [...streams, args.against]);
    return withOpen(async (keep) => {
      const device = args.against === undefined ? undefined : keep(openSettled(args.against));
      const options = { json: args.json, quiet: args.quiet, device };
      return eachStream(streams, dialectOf(args), {
        act: (input, codec) => verifyOne(input, codec, options),
        report: async (path, error) => {
          if (args.json) await printJson({ stream: path, ...describeFailure(error) });
          else reportError('lvstream', error);
        },
      });
    });
  },
});

async function verifyOne(input: StreamInput, codec: FrameCodec, options: Options): Promise<number> {
  const stream = await input.open();
  const comparison = compareWith(options.device, stream, input.name, codec);
  const read = await withProgress(
    `verify ${visible(input.name)}`,
    () => plainSize(input, codec),
    options,
    (watch) =>
      readThrough({ ...stream, batches: watch(stream.batches) }, codec, (batch) => comparison?.add(batch)),
  );
  const compared = comparison?.result();
  if (options.json) await printJson({ stream: input.name, ...describeRead(stream, read), against: compared });
  else if (options.quiet !== true) await print(`${visible(input.name)}: ${sayRead(stream, read)}\n`);
  if (!compared || !options.device) return 0;
  const isDifferent = compared.differentBytes + compared.pastEnd > 0;
  if (!options.json && (isDifferent || options.quiet !== true))
    await print(`${visible(options.device.name)}: ${sayCompared(compared)}\n`);
  return isDifferent ? DIFFERENT : 0;
}

function compareWith(
  device: RangeReader | undefined,
  stream: ChangeStream,
  name: string,
  { openScratch }: FrameCodec,
): ResultComparison | undefined {
  if (device === undefined) return undefined;
  if (isMap(stream)) throw mapWithoutData(name);
  return new ResultComparison(device, stream.header.order, openScratch);
}

/** Why a map can't be compared. */
export function mapWithoutData(name: string): RefusedError {
  return new RefusedError(`${name}: a map holds no data to compare`, {
    hint: 'it lists ranges only; compare the stream that holds their data',
  });
}

function sayCompared({ differentBytes, first, pastEnd }: Comparison): string {
  if (differentBytes + pastEnd === 0) return 'holds what the stream writes';
  const differs =
    differentBytes > 0 ? [`differs in ${formatSize(differentBytes)}, first at byte ${first[0]!.offset}`] : [];
  const ends = pastEnd > 0 ? [`ends ${formatSize(pastEnd)} too early`] : [];
  return [...differs, ...ends].join(' and ');
}

function describeRead({ format, header }: ChangeStream, { order, closing, isWhole }: ReadThrough) {
  const { size, records, runs, data, zeros, low, high } = closing;
  const verdict = isWhole ? 'whole' : 'readable';
  const counted = { size, records, runs, data, zeros, low, high };
  const digest = closing.digest && formatId(closing.digest);
  return { verdict, format, kind: isWhole ? header.kind : undefined, order, digest, ...counted };
}

function sayRead(stream: ChangeStream, { closing, isWhole }: ReadThrough): string {
  if (isMap(stream)) return `whole, ${sayTotals(closing, 'map')}`;
  const what = [sayTotals(closing, undefined), closing.digest && `digest ${formatId(closing.digest)}`]
    .filter(Boolean)
    .join(', ');
  if (isWhole) return `whole, ${what}`;
  const dialect = describeDialect(stream);
  const read = dialect === undefined ? '' : ` (${dialect})`;
  const writer = isPlain(stream) ? 'a lvmsync stream' : 'one of this release';
  return `readable to its end${read}, ${what}; ${writer} can't tell whether its end was cut off`;
}

function describeFailure(error: LvstreamError) {
  const hint = error.wayOut && formatSentence(error.wayOut, nameOf);
  const message = describeError(error);
  if (!(error instanceof FormatError)) return { verdict: 'failed', message, hint };
  return { verdict: 'damaged', fault: error.fault, position: error.position, message, hint };
}
