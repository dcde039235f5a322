import { packStream } from '../../algebra/pack-stream.js';
import { createCodec } from '../../codec/codec.js';
import { FormatError } from '../../errors.js';
import { openInput, plainSize, type InputOptions } from '../../files/open-input.js';
import { isFolder } from '../../files/same-file.js';
import { surveyDamage, writeSalvage } from '../../files/salvage-input.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import type { Keep } from '../../lvm/opened.js';
import { defineCommand } from '../command.js';
import { compressFolder } from './compress-folder.js';
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
} from '../options.js';
import { generator } from '../package-version.js';
import { withProgress } from '../print/progress.js';
import { randomId } from '../../codec/random-id.js';
import { remark, remarkDialect } from '../print/remarks.js';
import { countOf, formatSize } from '../print/sizes.js';
import { reportWritten, writeCounted } from '../print/written.js';
import { withOpen } from '../with-open.js';

export const compress = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', {
        ...INPUT,
        describe: `${INPUT.describe}; a folder: each .lvs file in it is replaced`,
      })
      .option('output', OUTPUT)
      .option('force', FORCE)
      .option('json', JSON_REPORT)
      .option('level', LEVEL)
      .option('salvage', {
        type: 'boolean',
        default: false,
        describe: 'of a damaged stream, keep what is whole',
      })
      .options(DIALECT)
      .example('$0 changes -o changes.lvs', 'pack a stream of lvmsync'),
  run: async (args) => {
    if (args.stream !== undefined && isFolder(args.stream)) return compressFolder(args.stream, args);
    const path = outputPath(args, [args.stream ?? '-']);
    return withOpen(async (keep) => {
      const codec = keep(createCodec({ level: args.level }));
      const options = { ...dialectOf(args), pieces: true, salvage: args.salvage };
      const { input, salvage } = await openAndSurvey(inputPath(args.stream), codec, options, keep);
      const packer = { generator: generator(), time: Date.now() };
      if (salvage?.fault) {
        const source = { ...packer, id: randomId() };
        const written = await writeCounted(path, args, (sink) =>
          writeSalvage(input, salvage, sink, codec, source),
        );
        await reportWritten(path, { format: 'lvs', ...written }, args);
        const kept = `${countOf(salvage.records, 'record')} before it, ${formatSize(salvage.data)}`;
        remark(`${salvage.fault.message}: kept the ${kept}; what follows is lost`, {});
        return LEFT_OUT;
      }
      const stream = await input.open();
      remarkDialect(input, stream, args);
      const written = await withProgress(
        'compress',
        () => plainSize(input, codec),
        args,
        (watch) =>
          writeCounted(path, args, (sink) =>
            packStream({ ...stream, batches: watch(stream.batches) }, sink, codec, packer),
          ),
      );
      await reportWritten(path, { format: 'lvs', kind: stream.header.kind, ...written }, args);
      return 0;
    });
  },
});

/** Opens the stream and finds what is whole of one that is to be salvaged: nothing, if it ends in its first frames. */
async function openAndSurvey(
  path: string,
  codec: FrameCodec,
  { salvage, ...options }: InputOptions & { readonly salvage: boolean },
  keep: Keep,
) {
  try {
    const input = keep(await openInput(path, codec, { ...options, rewindable: salvage }));
    return { input, salvage: salvage ? await surveyDamage(input) : undefined };
  } catch (error) {
    if (!salvage || !(error instanceof FormatError) || error.fault !== 'truncated') throw error;
    throw error.withHint('nothing of it is whole: get it again');
  }
}
