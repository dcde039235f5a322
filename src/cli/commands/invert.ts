import { createCodec } from '../../codec/codec.js';
import { invertInput } from '../../files/invert-input.js';
import { createSpill } from '../../files/merge/spill.js';
import { openInput, plainSize } from '../../files/open-input.js';
import { openLiveDevice } from '../../lvm/live-volume.js';
import { isQuiet, remarksOn } from '../../lvm/single-moment.js';
import { defineCommand } from '../command.js';
import { DIALECT, dialectOf, INPUT, inputPath, outputPath, STREAM_OUTPUT } from '../options.js';
import { remark, remarking } from '../print/remarks.js';
import { reportWritten } from '../print/written.js';
import { withOpen } from '../with-open.js';
import { writeStream } from '../write-stream.js';

/** What is spilled is read once, soon. */
const SPILL_LEVEL = 1;
const SPILL_THREADS = 2;

export const invert = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', INPUT)
      .option('base', {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        describe: 'the device or image that the stream is to be applied to, as it is before',
      })
      .options(STREAM_OUTPUT)
      .options(DIALECT)
      .example(
        '$0 vm.lvs --base /dev/vg/vm -o undo.lvs',
        'what will take /dev/vg/vm back once vm.lvs is applied',
      ),
  run: async (args) => {
    const path = outputPath(args, [args.stream ?? '-', args.base]);
    const say = (what: Parameters<typeof remark>[0]): void => {
      remark(what, args);
    };
    const written = await withOpen(async (keep) => {
      const codec = keep(createCodec({ level: args.level }));
      const spilling = keep(createCodec({ level: SPILL_LEVEL, mostThreads: SPILL_THREADS }));
      const options = { ...dialectOf(args), pieces: true };
      const input = keep(await openInput(inputPath(args.stream), codec, options));
      const live = keep(openLiveDevice(args.base));
      const remarks = remarksOn(live);
      const work = {
        ...{ input, device: live.reader, codec, say },
        spill: createSpill({ writing: spilling, reading: codec }),
        settle: () => ({ consistent: isQuiet(live, remarks) }),
      };
      return remarking({ remarks }, say, () =>
        writeStream(
          {
            ...{ name: 'invert', from: input.name, total: () => plainSize(input, codec) },
            derive: (watch, maker) => invertInput(work, maker, watch),
          },
          codec,
          { ...args, path },
        ),
      );
    });
    await reportWritten(path, written, args);
    return 0;
  },
});
