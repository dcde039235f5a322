import { createCodec } from '../../codec/codec.js';
import { openInput, plainSize } from '../../files/open-input.js';
import { isMap } from '../../format/open-stream.js';
import { writePlain } from '../../format/lvmsync/plain.js';
import { defineCommand } from '../command.js';
import { mapAsPlain } from '../write-stream.js';
import { DIALECT, dialectOf, FORCE, INPUT, inputPath, JSON_REPORT, OUTPUT, outputPath } from '../options.js';
import { withProgress } from '../print/progress.js';
import { remarkDialect } from '../print/remarks.js';
import { reportWritten, writeCounted } from '../print/written.js';
import { withOpen } from '../with-open.js';

export const decompress = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', INPUT)
      .option('output', OUTPUT)
      .option('force', FORCE)
      .option('json', JSON_REPORT)
      .options(DIALECT)
      .example('$0 changes.lvs -o changes', 'give a stream back as lvmsync knows it'),
  run: async (args) => {
    const path = outputPath(args, [args.stream ?? '-']);
    return withOpen(async (keep) => {
      const codec = keep(createCodec({ level: 0 }));
      const input = keep(await openInput(inputPath(args.stream), codec, dialectOf(args)));
      const stream = await input.open();
      if (isMap(stream)) throw mapAsPlain(input.name);
      remarkDialect(input, stream, args);
      const written = await withProgress(
        'decompress',
        () => plainSize(input, codec),
        args,
        (watch) =>
          writeCounted(path, args, async (sink) => ({
            ...(await writePlain(watch(stream.batches), sink)),
            consistent: stream.closing().consistent,
          })),
      );
      await reportWritten(path, { format: 'lvmsync3', ...written }, args);
      return 0;
    });
  },
});
