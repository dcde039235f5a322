import { createCodec } from '../../codec/codec.js';
import { randomId } from '../../codec/random-id.js';
import { countBytes, type OpenChanges } from '../../changes/changes.js';
import { writeDump, writePlainDump } from '../../changes/write-changes.js';
import { declareChanges, LIVE_GROUP, openChanges, outputOf, OUTPUT_GROUP, refuse } from './change-source.js';
import { defineCommand } from '../command.js';
import { FORCE, JSON_REPORT, LEVEL, OUTPUT } from '../options.js';
import { generator } from '../package-version.js';
import { withProgress } from '../print/progress.js';
import { remark } from '../print/remarks.js';
import { reportWritten, writeCounted, type Written } from '../print/written.js';

const flag = { type: 'boolean', default: false } as const;

interface DumpArguments {
  readonly format: 'lvs' | 'lvmsync';
  readonly level: number;
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
      .option('output', OUTPUT)
      .option('force', FORCE)
      .option('format', {
        choices: ['lvs', 'lvmsync'],
        requiresArg: true,
        default: 'lvs',
        describe: 'lvmsync: the plain stream',
      } as const)
      .option('json', JSON_REPORT)
      .option('level', LEVEL)
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
    const changes = await openChanges(args);
    await reportWritten(path, await writeAndClose(changes, path, args), args);
    return 0;
  },
});

/** What is said in a stream's head would be lost. */
function refuseForPlain({ baseDigests, baseState, resultState }: DumpArguments): void {
  const inHead = { 'base-digests': baseDigests, 'base-state': baseState, 'result-state': resultState };
  refuse('only with --format lvs', inHead, 'a plain stream has no place for it');
}

/** What was made to read the changes may not go away again: nothing is said to be done before it has. */
async function writeAndClose(changes: OpenChanges, path: string, args: DumpArguments): Promise<Written> {
  try {
    const before = [...changes.remarks];
    for (const text of before) remark(text, args);
    const written = await write(changes, path, args);
    for (const text of changes.remarks.slice(before.length)) remark(text, args);
    return written;
  } finally {
    changes.close();
  }
}

async function write(changes: OpenChanges, path: string, args: DumpArguments): Promise<Written> {
  const { format, level, baseDigests } = args;
  const codec = createCodec({ level });
  const options = { baseDigests, id: randomId(), generator: generator() };
  const total = async () => countBytes(changes);
  const written = await withProgress('dump', total, args, (watch) =>
    writeCounted(path, args, (sink) =>
      format === 'lvmsync'
        ? writePlainDump(changes, sink, watch)
        : writeDump(changes, sink, codec, options, watch),
    ),
  );
  return format === 'lvmsync'
    ? { format: 'lvmsync3', ...written }
    : { format: 'lvs', kind: 'changes', ...written };
}
