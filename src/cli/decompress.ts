import { createCodec } from '../codec/codec.js';
import { openInput, plainSize } from '../files/open-input.js';
import { RefusedError } from '../errors.js';
import { writeOutput } from '../files/write-output.js';
import { isMap } from '../format/open-stream.js';
import { writePlain } from '../format/plain.js';
import { defineCommand } from './command.js';
import { DIALECT, dialectOf, FORCE, inputPath, OUTPUT, outputPath } from './options.js';
import { withProgress } from './progress.js';
import { remarkDialect } from './remarks.js';

export const decompress = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', {
        type: 'string',
        describe: 'a stream of any format; - or nothing: standard input',
      })
      .option('output', OUTPUT)
      .option('force', FORCE)
      .options(DIALECT)
      .example('$0 changes.lvs -o changes', 'give a stream back as lvmsync knows it'),
  run: async (args) => {
    const path = outputPath(args.output);
    const codec = createCodec({ level: 0 });
    const input = await openInput(inputPath(args.stream), codec, dialectOf(args));
    const stream = await input.open();
    if (isMap(stream)) {
      const hint = 'lvstream info --records lists its ranges';
      throw new RefusedError(`${input.name}: a map holds no records, and a plain stream no ranges`, { hint });
    }
    remarkDialect(input, stream, args);
    await withProgress(
      'decompress',
      () => plainSize(input, codec),
      args,
      (watch) => writeOutput(path, args, (output) => writePlain(watch(stream.batches), output)),
    );
    return 0;
  },
});
