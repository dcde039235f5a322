import { comesRound, findOrder, findUncertain, refuseNotConsecutive } from '../../algebra/consecutive.js';
import { mergedHeader } from '../../algebra/derived-header.js';
import { createCodec } from '../../codec/codec.js';
import { FormatError, RefusedError } from '../../errors.js';
import { mergeInputs } from '../../files/merge/merge-inputs.js';
import { mergeMaps, type MergeableMap } from '../../files/merge/merge-maps.js';
import type { MergeInput } from '../../files/merge/merge-input.js';
import { openInput, type StreamInput } from '../../files/open-input.js';
import { readMap, type ChangeMap } from '../../files/read-map.js';
import { isFolder } from '../../files/same-file.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import { expandFolders } from '../arguments/stream-folders.js';
import { defineCommand } from '../command.js';
import { DIALECT, dialectOf, outputPath, STREAM_OUTPUT } from '../options.js';
import { remark } from '../print/remarks.js';
import { reportWritten } from '../print/written.js';
import { spillOptions, surveyAll, TEMP_FOLDER, totalOf } from '../merging.js';
import { withOpen } from '../with-open.js';
import { writeStream } from '../write-stream.js';

export const merge = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'streams, or maps, the oldest first, or folders of them; - is standard input',
      })
      .options(STREAM_OUTPUT)
      .option('any-order', {
        type: 'boolean',
        default: false,
        describe: 'merge them as they are named, whatever they say of each other',
      })
      .option('temp-folder', TEMP_FOLDER)
      .options(DIALECT)
      .example('$0 monday.lvs tuesday.lvs -o both.lvs', 'what applying one after the other does'),
  run: async (args) => {
    const streams = await expandFolders(args.stream, args);
    const path = outputPath(args, streams);
    const isOrdered = args.anyOrder || !args.stream.some(isFolder);
    const written = await withOpen(async (keep) => {
      const codec = keep(createCodec({ level: args.level }));
      const named = await surveyAll(streams, codec, dialectOf(args), keep);
      refuseMapsWithData(named);
      const inputs = isOrdered ? named : orderByStates(named);
      if (!args.anyOrder) refuseNotConsecutive(inputs);
      for (const { before, after } of findUncertain(inputs))
        remark(`nobody can tell whether ${after.name} follows ${before.name}`, args);
      const spill = spillOptions(path, args, codec, keep);
      return writeStream(
        {
          name: 'merge',
          from: inputs[0]!.name,
          total: totalOf(inputs),
          derive: async (watch, maker) =>
            isMapInput(inputs[0]!)
              ? mergeMaps(await readMaps(inputs), maker)
              : mergeInputs(inputs, mergedHeader(inputs, maker, args.anyOrder), watch, {
                  ...spill,
                  anyOrder: args.anyOrder,
                }),
        },
        codec,
        { ...args, path },
      );
    });
    await reportWritten(path, written, args);
    return 0;
  },
});

function isMapInput({ header }: MergeInput): boolean {
  return header.kind === 'map';
}

function refuseMapsWithData(inputs: readonly MergeInput[]): void {
  const map = inputs.find((input) => isMapInput(input));
  const other = inputs.find((input) => !isMapInput(input));
  if (!map || !other) return;
  throw new RefusedError(`${map.name}: a map lists ranges without their data, which ${other.name} holds`, {
    hint: 'merge maps with maps; lvstream dump --map MAP --data-source DEVICE gives one its data',
  });
}

/** The names of files in a folder say nothing of their order. */
function orderByStates(inputs: readonly MergeInput[]): readonly MergeInput[] {
  const order = new Set(inputs.map(({ header }) => header.kind)).size === 1 ? findOrder(inputs) : undefined;
  if (order && !comesRound(order)) return order;
  throw new RefusedError(
    'the streams do not all follow each other in one way, so that nothing tells their order',
    {
      hint: 'name them one by one, the oldest first, instead of their folder',
    },
  );
}

async function readMaps(inputs: readonly MergeInput[]): Promise<readonly MergeableMap[]> {
  const maps: MergeableMap[] = [];
  for (const input of inputs)
    maps.push(await withOpen(async (keep) => ({ ...input, ...(await readMap(keep(await input.open()))) })));
  return maps;
}

/** Reads a map by name. Throws what opening and reading throw, and `RefusedError` for any other stream. */
export async function readMapFrom(path: string, codec: FrameCodec): Promise<ChangeMap> {
  return withOpen(async (keep) => readMap(keep(await openMap(path, codec))));
}

/** However else such a file could be read, it would be no map. */
async function openMap(path: string, codec: FrameCodec): Promise<StreamInput> {
  try {
    return await openInput(path, codec);
  } catch (error) {
    if (!(error instanceof FormatError) || error.fault !== 'not-a-stream') throw error;
    throw error.withHint('a map is what lvstream changes writes');
  }
}
