import { packStream } from '../algebra/pack-stream.js';
import { createCodec } from '../codec/codec.js';
import { openInput, plainSize } from '../files/open-input.js';
import { surveyDamage, writeSalvage } from '../files/salvage-input.js';
import type { Output } from '../files/sink.js';
import { writeOutput } from '../files/write-output.js';
import { defineCommand } from './command.js';
import { DIALECT, dialectOf, FORCE, inputPath, LEVEL, OUTPUT, outputPath } from './options.js';
import { generator } from './package-version.js';
import { withProgress } from './progress.js';
import { randomId } from '../codec/random-id.js';
import { remark, remarkDialect } from './remarks.js';
import { countOf, formatSize } from './sizes.js';

const SOMETHING_LEFT_OUT = 5;

export const compress = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', {
        type: 'string',
        describe: 'a stream of any format; - or nothing: standard input',
      })
      .option('output', OUTPUT)
      .option('force', FORCE)
      .option('level', LEVEL)
      .option('salvage', {
        type: 'boolean',
        default: false,
        describe: 'of a damaged stream, keep what is whole',
      })
      .options(DIALECT)
      .example('$0 changes -o changes.lvs', 'pack a stream of lvmsync'),
  run: async (args) => {
    const path = outputPath(args.output);
    const codec = createCodec({ level: args.level });
    const options = { ...dialectOf(args), pieces: true, rewindable: args.salvage };
    const input = await openInput(inputPath(args.stream), codec, options);
    const packer = { generator: generator(), time: Date.now() };
    const salvage = args.salvage ? await surveyDamage(input) : undefined;
    if (salvage?.fault) {
      const source = { ...packer, id: randomId() };
      await writeOutput(path, args, (output) => writeSalvage(input, salvage, output, codec, source));
      const kept = `${countOf(salvage.records, 'record')} before it, ${formatSize(salvage.data)}`;
      remark(`${salvage.fault.message}: kept the ${kept}; what follows is lost`, {});
      return SOMETHING_LEFT_OUT;
    }
    const stream = await input.open();
    remarkDialect(input, stream, args);
    await withProgress(
      'compress',
      () => plainSize(input, codec),
      args,
      (watch) =>
        writeOutput(path, args, (output: Output) =>
          packStream({ ...stream, batches: watch(stream.batches) }, output, codec, packer),
        ),
    );
    return 0;
  },
});
