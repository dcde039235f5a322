import { createCodec } from '../codec/codec.js';
import { openImage } from '../device/image.js';
import { writeOutput } from '../files/write-output.js';
import { writePlain } from '../format/plain.js';
import { readThickSnapshot } from '../lvm/thick-dump.js';
import { thickBatches, writeThickDump } from '../lvm/write-thick-dump.js';
import { defineCommand } from './command.js';
import { FORCE, LEVEL, OUTPUT, outputPath } from './options.js';
import { generator } from './package-version.js';
import { randomId } from '../codec/random-id.js';
import { withProgress } from './progress.js';

const text = { type: 'string', requiresArg: true } as const;
const flag = { type: 'boolean', default: false } as const;

export const dump = defineCommand({
  declare: (yargs) =>
    yargs
      .option('cow', {
        ...text,
        demandOption: true,
        describe: "the snapshot's exception store: its -cow device or an image",
      })
      .option('origin', {
        ...text,
        demandOption: true,
        describe: 'the volume that the snapshot was taken of',
      })
      .option('snapshot-data', {
        ...flag,
        describe: 'the reverse: what takes the origin back to the snapshot',
      })
      .option('output', OUTPUT)
      .option('force', FORCE)
      .option('format', {
        choices: ['lvs', 'lvmsync'],
        default: 'lvs',
        describe: 'lvmsync: the plain stream',
      } as const)
      .option('level', LEVEL)
      .option('base-state', { ...text, describe: "id of the snapshot's state" })
      .option('result-state', { ...text, describe: "id of the origin's state" })
      .option('base-digests', {
        ...flag,
        describe: 'say what the device must hold before the stream is applied',
      })
      .option('consistent', {
        ...flag,
        default: true,
        describe: 'the origin was not in use (--no-consistent: it was)',
      })
      .example('$0 --cow vm-cow.img --origin vm.img -o vm.lvs', 'write the changes to vm.lvs'),
  run: async (args) => {
    const path = outputPath(args.output);
    const origin = openImage(args.origin);
    const snapshot = readThickSnapshot(openImage(args.cow), origin);
    const codec = createCodec({ level: args.level });
    const options = {
      undo: args.snapshotData,
      snapshotState: args.baseState === undefined ? undefined : { id: args.baseState },
      originState: args.resultState === undefined ? undefined : { id: args.resultState },
      consistent: args.consistent,
      baseDigests: args.baseDigests,
      id: randomId(),
      generator: generator(),
    };
    const total = snapshot.exceptions.count * snapshot.exceptions.chunkSize;
    await withProgress(
      'dump',
      async () => total,
      args,
      (watch) =>
        writeOutput(path, args, async (output) => {
          if (args.format === 'lvs') await writeThickDump(snapshot, output, codec, options, watch);
          else await writePlain(watch(thickBatches(snapshot, options.undo)), output);
        }),
    );
    return 0;
  },
});
