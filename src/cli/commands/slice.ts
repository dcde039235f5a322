import { createCodec } from '../../codec/codec.js';
import { openInput } from '../../files/open-input.js';
import { sliceInput } from '../../files/slice-input.js';
import { defineCommand } from '../command.js';
import { parseRanges } from '../arguments/ranges.js';
import { DIALECT, dialectOf, INPUT, inputPath, outputPath, STREAM_OUTPUT } from '../options.js';
import { reportWritten } from '../print/written.js';
import { withOpen } from '../with-open.js';
import { writeStream } from '../write-stream.js';

export const slice = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', INPUT)
      .option('range', {
        type: 'string',
        array: true,
        nargs: 1,
        demandOption: true,
        describe: 'what to keep: 1G..2G, 1G.., ..2G or 1G+64M, any number of times',
      })
      .options(STREAM_OUTPUT)
      .options(DIALECT)
      .example('$0 vm.lvs --range 1G..2G -o part.lvs', 'what vm.lvs writes to the second GiB'),
  run: async (args) => {
    const ranges = parseRanges('--range', args.range);
    const path = outputPath(args, [args.stream ?? '-']);
    const written = await withOpen(async (keep) => {
      const codec = keep(createCodec({ level: args.level }));
      const input = keep(
        await openInput(inputPath(args.stream), codec, { ...dialectOf(args), pieces: true }),
      );
      return writeStream(
        {
          name: 'slice',
          from: input.name,
          total: async () => undefined,
          derive: (watch, maker) => sliceInput(input, ranges, codec, maker, watch),
        },
        codec,
        { ...args, path },
      );
    });
    await reportWritten(path, written, args);
    return 0;
  },
});
