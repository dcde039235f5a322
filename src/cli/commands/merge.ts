import { dirname } from 'node:path';
import { findOrder, findUncertain, refuseNotConsecutive } from '../../algebra/consecutive.js';
import { createCodec } from '../../codec/codec.js';
import { FormatError, RefusedError, UsageError } from '../../errors.js';
import { mergeInputs } from '../../files/merge/merge-inputs.js';
import { mergeMaps } from '../../files/merge/merge-maps.js';
import { surveyMergeInput, type MergeInput } from '../../files/merge/merge-input.js';
import { openInput, type InputOptions, type StreamInput } from '../../files/open-input.js';
import { readMap, type ChangeMap } from '../../files/read-map.js';
import { isFolder } from '../../files/same-file.js';
import { isStandardOutput, isStreamed } from '../../files/sink.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import type { Keep } from '../../lvm/opened.js';
import { expandFolders } from '../arguments/stream-folders.js';
import { defineCommand } from '../command.js';
import { DIALECT, dialectOf, outputPath, STREAM_OUTPUT } from '../options.js';
import { remark } from '../print/remarks.js';
import { reportWritten } from '../print/written.js';
import { withOpen } from '../with-open.js';
import { writeStream } from '../write-stream.js';

/** What is spilled is read once, soon. */
const SPILL_LEVEL = 1;
const SPILL_THREADS = 2;

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
      .option('temp-folder', {
        type: 'string',
        requiresArg: true,
        describe: 'for what does not fit in memory; without it where the output is, or TMPDIR',
      })
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
      const writing = keep(createCodec({ level: SPILL_LEVEL, mostThreads: SPILL_THREADS }));
      const spill = { reading: codec, writing, folder: args.tempFolder ?? folderBeside(path) };
      return writeStream(
        {
          name: 'merge',
          from: inputs[0]!.name,
          total: async () => inputs.reduce((sum, { closing }) => sum + closing.size, 0),
          derive: async (watch, maker) =>
            isMapInput(inputs[0]!)
              ? mergeMaps(await readMaps(inputs), maker)
              : mergeInputs(inputs, maker, watch, spill),
        },
        codec,
        { ...args, path },
      );
    });
    await reportWritten(path, written, args);
    return 0;
  },
});

async function surveyAll(
  paths: readonly string[],
  codec: FrameCodec,
  options: InputOptions,
  keep: Keep,
): Promise<readonly MergeInput[]> {
  if (paths.filter((path) => path === '-').length > 1)
    throw new UsageError('-: standard input can be read only once');
  const inputs: MergeInput[] = [];
  for (const path of paths) inputs.push(keep(await surveyMergeInput(path, codec, options)));
  return inputs;
}

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
  const order = findOrder(inputs);
  if (order) return order;
  throw new RefusedError('the streams do not all follow each other, so that nothing tells their order', {
    hint: 'name them one by one, the oldest first, instead of their folder',
  });
}

async function readMaps(inputs: readonly MergeInput[]) {
  const maps = [];
  for (const input of inputs)
    maps.push(await withOpen(async (keep) => ({ ...input, ...(await readMap(keep(await input.open()))) })));
  return maps;
}

/** A stream that goes into a pipe is beside nothing. */
function folderBeside(path: string): string | undefined {
  return isStandardOutput(path) || isStreamed(path) ? undefined : dirname(path);
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
