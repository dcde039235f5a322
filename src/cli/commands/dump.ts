import {
  declareChanges,
  LIVE_GROUP,
  outputOf,
  OUTPUT_GROUP,
  refuse,
  withChanges,
} from './dump/change-source.js';
import { defineCommand } from '../command.js';
import { STREAM_OUTPUT, type StreamFormat } from '../options.js';
import { reportWritten } from '../print/written.js';
import { writeChanges } from '../write-changes.js';

const flag = { type: 'boolean', default: false } as const;

interface DumpArguments {
  readonly format: StreamFormat;
  readonly baseDigests: boolean;
  readonly baseState?: string | undefined;
  readonly resultState?: string | undefined;
  readonly force: boolean;
  readonly quiet?: boolean | undefined;
}

export const dump = defineCommand({
  declare: (yargs) =>
    declareChanges(yargs)
      .option('full', { ...flag, describe: 'all that the volume itself holds, for a first copy' })
      .option('keep-equal', { ...flag, describe: 'with --to, also what is equal in both snapshots' })
      .option('map', {
        type: 'string',
        requiresArg: true,
        describe: 'the ranges that this map lists, with their data from --data-source',
      })
      .option('data-source', {
        type: 'string',
        requiresArg: true,
        describe: 'read the data from this device or image instead of the origin',
      })
      .options(STREAM_OUTPUT)
      .option('base-digests', {
        ...flag,
        describe: 'say what the device must hold before (not with --thin-metadata)',
      })
      .group(['full', 'keep-equal', 'data-source', 'map'], LIVE_GROUP)
      .group(['output', 'force', 'json', 'format', 'level', 'base-digests'], OUTPUT_GROUP)
      .example('$0 vg/vm-monday -o vm.lvs', 'the changes of vg/vm since its snapshot')
      .example('$0 vg/vm-monday --to vg/vm-tuesday -o vm.lvs', 'between two snapshots, while vg/vm is in use')
      .example('$0 --cow vm-cow.img --origin vm.img -o vm.lvs', 'offline, from images'),
  run: async (args) => {
    if (args.format === 'lvmsync') refuseForPlain(args);
    const path = outputOf(args);
    const written = await withChanges(args, args.level, (changes, codec) =>
      writeChanges('dump', changes, codec, { ...args, path }),
    );
    await reportWritten(path, written, args);
    return 0;
  },
});

/** What is said in a stream's head would be lost. */
function refuseForPlain({ baseDigests, baseState, resultState }: DumpArguments): void {
  const inHead = { 'base-digests': baseDigests, 'base-state': baseState, 'result-state': resultState };
  refuse('only with --format lvs', inHead, 'a plain stream has no place for it');
}
