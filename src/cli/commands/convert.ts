import { packStream } from '../../algebra/pack-stream.js';
import { createCodec } from '../../codec/codec.js';
import { UsageError } from '../../errors.js';
import { openInput, plainSize } from '../../files/open-input.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import type { ByteSink } from '../../format/lvs/writer.js';
import { FORMAT_NAMES, type ChangeStream, type FormatName } from '../../format/open-stream.js';
import { writeForeign, type ForeignOptions, type WrittenForeign } from '../../interop/write-foreign.js';
import { defineCommand } from '../command.js';
import { LEFT_OUT } from '../exit.js';
import {
  DIALECT,
  dialectOf,
  FORCE,
  INPUT,
  inputPath,
  JSON_REPORT,
  LEVEL,
  OUTPUT,
  outputPath,
  parseSize,
} from '../options.js';
import { generator } from '../package-version.js';
import { withProgress } from '../print/progress.js';
import { remark, remarkDialect } from '../print/remarks.js';
import { reportWritten, writeCounted } from '../print/written.js';
import { withOpen } from '../with-open.js';

const MIN_POOL_CHUNK = 1 << 16;

export const convert = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', INPUT)
      .option('to', {
        choices: FORMAT_NAMES,
        requiresArg: true,
        demandOption: true,
        describe: 'the format to write',
      })
      .option('lossy', {
        type: 'boolean',
        default: false,
        describe: 'leave out what the stream says and the format has no words for; data never is',
      })
      .option('unmap-chunk', {
        type: 'string',
        requiresArg: true,
        describe:
          'of thin-send-recv: size of the chunks of the pool that receives it; zeros that fill some are unmapped there',
        coerce: (size: unknown) => (typeof size === 'string' ? parseChunk(size) : undefined),
      })
      .option('output', OUTPUT)
      .option('force', FORCE)
      .option('level', LEVEL)
      .option('json', JSON_REPORT)
      .options(DIALECT)
      .example('$0 monday.rbd --to lvs -o monday.lvs', 'what rbd export-diff wrote, as an .lvs file'),
  run: async (args) => {
    if (args.unmapChunk !== undefined && args.to !== 'thin-send-recv')
      throw new UsageError('--unmap-chunk: only with --to thin-send-recv');
    const path = outputPath(args, [args.stream ?? '-']);
    return withOpen(async (keep) => {
      const codec = keep(createCodec({ level: args.level }));
      const options = { ...dialectOf(args), pieces: args.to === 'lvs' };
      const input = keep(await openInput(inputPath(args.stream), codec, options));
      const stream = await input.open();
      remarkDialect(input, stream, args);
      const { totals, fileSize } = await withProgress(
        'convert',
        () => plainSize(input, codec),
        args,
        (watch) =>
          writeCounted(path, args, (sink) =>
            writeIn(args.to, input.name, { ...stream, batches: watch(stream.batches) }, sink, codec, args),
          ),
      );
      const { kind } = stream.header;
      const written = { format: args.to, totals: totals.totals, fileSize };
      await reportWritten(path, args.to === 'lvs' ? { ...written, kind } : written, args);
      if (totals.lost.length === 0) return 0;
      remark(
        `${input.name}: left out, since ${args.to} has no words for it: ${totals.lost.join(', ')}`,
        args,
      );
      return LEFT_OUT;
    });
  },
});

/** A pool's chunks are whole multiples of 64 KiB (lvmthin(7)). */
function parseChunk(text: string): number {
  const size = parseSize('--unmap-chunk', text);
  if (size > 0 && size % MIN_POOL_CHUNK === 0) return size;
  throw new UsageError(`--unmap-chunk ${text}: the chunks of a thin pool are multiples of 64 KiB`);
}

async function writeIn(
  format: FormatName,
  name: string,
  stream: ChangeStream,
  sink: ByteSink,
  codec: FrameCodec,
  options: ForeignOptions,
): Promise<WrittenForeign> {
  if (format !== 'lvs') return writeForeign(format, name, stream, sink, options);
  const packer = { generator: generator(), time: Date.now() };
  return { totals: await packStream(stream, sink, codec, packer), lost: [] };
}
