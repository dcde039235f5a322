import { createCodec } from '../codec/codec.js';
import { UsageError } from '../errors.js';
import { writeOutput } from '../files/write-output.js';
import { writePlain } from '../format/plain.js';
import type { State } from '../format/state.js';
import { defineCommand } from './command.js';
import type { DumpForm } from './dump-form.js';
import { openThickForm, type ThickArguments } from './dump-thick.js';
import { openThinForm, type ThinArguments } from './dump-thin.js';
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
        describe: "the snapshot's exception store: an image of its -cow device",
      })
      .option('origin', {
        ...text,
        describe: 'the volume that the snapshot was taken of',
      })
      .option('snapshot-data', {
        ...flag,
        describe: 'with --cow, the reverse: what takes the origin back to the snapshot',
      })
      .option('thin-metadata', {
        ...text,
        describe: "instead, between two thin devices: their pool's metadata, its _tmeta device or an image",
      })
      .option('from', { ...text, describe: 'id of the thin device that the changes begin at' })
      .option('to', { ...text, describe: 'id of the thin device that they lead to' })
      .option('source', {
        ...text,
        describe: 'that device or an image of it (without an external origin)',
      })
      .option('metadata-snapshot', {
        ...flag,
        describe: 'read the metadata snapshot that the metadata holds',
      })
      .option('output', OUTPUT)
      .option('force', FORCE)
      .option('format', {
        choices: ['lvs', 'lvmsync'],
        default: 'lvs',
        describe: 'lvmsync: the plain stream',
      } as const)
      .option('level', LEVEL)
      .option('base-state', { ...text, describe: "id of the snapshot's state, or of --from's" })
      .option('result-state', { ...text, describe: "id of the origin's state, or of --to's" })
      .option('base-digests', {
        ...flag,
        describe: 'with --cow, say what the device must hold before the stream is applied',
      })
      .option('consistent', {
        ...flag,
        default: true,
        describe: 'the origin or source was not in use (--no-consistent: it was)',
      })
      .example('$0 --cow vm-cow.img --origin vm.img -o vm.lvs', 'write the changes to vm.lvs')
      .example(
        '$0 --thin-metadata tmeta.img --from 2 --to 1 --source vm.img -o vm.lvs',
        'the same of thin device 1 since its snapshot 2',
      ),
  run: async (args) => {
    const path = outputPath(args.output);
    const form = openForm(args);
    const codec = createCodec({ level: args.level });
    const options = {
      baseState: stateOf(args.baseState),
      resultState: stateOf(args.resultState),
      consistent: args.consistent,
      id: randomId(),
      generator: generator(),
    };
    await withProgress(
      'dump',
      async () => form.countBytes(),
      args,
      (watch) =>
        writeOutput(path, args, async (output) => {
          if (args.format === 'lvs') await form.write(output, codec, options, watch);
          else await writePlain(watch(form.batches()), output);
        }),
    );
    return 0;
  },
});

function stateOf(id: string | undefined): State | undefined {
  return id === undefined ? undefined : { id };
}

interface FormArguments extends ThickArguments, ThinArguments {
  readonly thinMetadata: string | undefined;
}

/** Opens what the options name. Those of one form mean nothing to the other: said together they are a mistake. */
function openForm(args: FormArguments): DumpForm {
  const { thinMetadata, cow, origin, snapshotData, baseDigests } = args;
  const { from, to, source, metadataSnapshot } = args;
  if (thinMetadata === undefined) {
    refuse('only', { from, to, source, 'metadata-snapshot': metadataSnapshot });
    return openThickForm(args);
  }
  refuse('not', { cow, origin, 'snapshot-data': snapshotData, 'base-digests': baseDigests });
  return openThinForm(thinMetadata, args);
}

/** Throws `UsageError` if one of the options is given. */
function refuse(how: 'only' | 'not', options: Readonly<Record<string, string | boolean | undefined>>): void {
  const given = Object.keys(options).find((name) => options[name] !== undefined && options[name] !== false);
  if (given !== undefined) throw new UsageError(`--${given}: ${how} with --thin-metadata`);
}
