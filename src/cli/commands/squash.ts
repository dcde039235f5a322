import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { findUncertain, refuseNotConsecutive } from '../../algebra/consecutive.js';
import { squashedHeader } from '../../algebra/derived-header.js';
import { orderSnapbacks, refuseOtherDevices } from '../../algebra/snapback-order.js';
import { createCodec } from '../../codec/codec.js';
import { RefusedError } from '../../errors.js';
import { mergeInputs } from '../../files/merge/merge-inputs.js';
import type { MergeInput } from '../../files/merge/merge-input.js';
import { expandFolders } from '../arguments/stream-folders.js';
import { defineCommand } from '../command.js';
import { spillOptions, surveyAll, TEMP_FOLDER, totalOf } from '../merging.js';
import { DIALECT, dialectOf, outputPath, STREAM_OUTPUT } from '../options.js';
import { remark } from '../print/remarks.js';
import { reportWritten } from '../print/written.js';
import { withOpen } from '../with-open.js';
import { writeStream } from '../write-stream.js';

/** What tells which snapback is older where their states don't. */
const ORDERS = ['name', 'mtime', 'given'] as const;
type GivenOrder = (typeof ORDERS)[number];

const SAID: Readonly<Record<GivenOrder, string>> = {
  name: 'by their names',
  mtime: 'by when the files were changed last',
  given: 'as they are named',
};

export const squash = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'snapbacks of one device, in any order, or folders of them; - is standard input',
      })
      .options(STREAM_OUTPUT)
      .option('order', {
        choices: ORDERS,
        requiresArg: true,
        describe: 'what tells which one is older, of snapbacks of lvmsync, which do not say it',
      })
      .option('any-order', {
        type: 'boolean',
        default: false,
        describe: 'take them even if one expects something else than another leaves',
      })
      .option('temp-folder', TEMP_FOLDER)
      .options(DIALECT)
      .example('$0 monday.undo.lvs tuesday.undo.lvs -o undo.lvs', 'undoes both'),
  run: async (args) => {
    const streams = await expandFolders(args.stream, args);
    const path = outputPath(args, streams);
    const written = await withOpen(async (keep) => {
      const codec = keep(createCodec({ level: args.level }));
      const inputs = await surveyAll(streams, codec, dialectOf(args), keep);
      const newestFirst = orderOf(inputs, args.order, (text) => {
        remark(text, args);
      });
      const spill = spillOptions(path, args, codec, keep);
      return writeStream(
        {
          name: 'squash',
          from: newestFirst[0]!.name,
          total: totalOf(inputs),
          derive: async (watch, maker) =>
            mergeInputs(newestFirst, squashedHeader(newestFirst, maker, args.anyOrder), watch, {
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

/** The newest first. What states tell needs no order that is given, and what they contradict is refused. */
function orderOf(
  inputs: readonly MergeInput[],
  order: GivenOrder | undefined,
  say: (text: string) => void,
): readonly MergeInput[] {
  const map = inputs.find(({ header }) => header.kind === 'map');
  if (map)
    throw new RefusedError(`${map.name}: a map holds no data, and undoes nothing`, {
      hint: 'name snapbacks',
    });
  const plain = inputs.find(({ isPlain }) => isPlain);
  if (!plain) return orderSnapbacks(inputs);
  if (inputs.length === 1) return inputs;
  if (!order)
    throw new RefusedError(`${plain.name}: does not say which snapback it follows`, {
      hint: 'say what tells their order with --order name, --order mtime or --order given',
    });
  refuseOtherDevices(inputs);
  const oldestFirst = sortBy(inputs, order);
  const newestFirst = oldestFirst.toReversed();
  refuseNotConsecutive(newestFirst);
  if (findUncertain(newestFirst).length > 0)
    say(`taken ${SAID[order]}, the oldest first: ${oldestFirst.map(({ name }) => name).join(' ')}`);
  return newestFirst;
}

function sortBy(inputs: readonly MergeInput[], order: GivenOrder): readonly MergeInput[] {
  if (order === 'given') return inputs;
  const compare = order === 'name' ? byName : byTime;
  const sorted = inputs.toSorted(compare);
  const tied = sorted.findIndex((input, index) => index > 0 && compare(sorted[index - 1]!, input) === 0);
  if (tied < 0) return sorted;
  throw new RefusedError(
    `${sorted[tied - 1]!.name}, ${sorted[tied]!.name}: which is older is not told ${SAID[order]}`,
    {
      hint: 'name them, the oldest first, with --order given',
    },
  );
}

/** Numbers in names count as numbers: the tenth comes behind the second. */
function byName(one: MergeInput, other: MergeInput): number {
  return basename(one.name).localeCompare(basename(other.name), 'en', { numeric: true });
}

function byTime(one: MergeInput, other: MergeInput): number {
  return changedAt(one) - changedAt(other);
}

function changedAt({ name, path }: MergeInput): number {
  if (path === undefined)
    throw new RefusedError(`${name}: is no file that was changed at a time`, {
      hint: 'name files, or say their order with --order given',
    });
  return statSync(path).mtimeMs;
}
