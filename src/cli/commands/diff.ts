import { imageDifference } from '../../changes/image-difference.js';
import { createCodec } from '../../codec/codec.js';
import { UsageError } from '../../errors.js';
import { openLiveDevice } from '../../lvm/live-volume.js';
import { isQuiet, remarksOn } from '../../lvm/single-moment.js';
import { defineCommand } from '../command.js';
import { outputPath, parseSize, STREAM_OUTPUT } from '../options.js';
import { remark, remarking } from '../print/remarks.js';
import { reportWritten } from '../print/written.js';
import { withOpen } from '../with-open.js';
import { writeChanges } from '../write-changes.js';

const SECTOR = 512;
const MOST = 1 << 18;

export const diff = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('old', {
        type: 'string',
        demandOption: true,
        describe: 'the device or image that the stream is to be applied to',
      })
      .positional('new', { type: 'string', demandOption: true, describe: 'the one that it leads to' })
      .option('block-size', {
        type: 'string',
        requiresArg: true,
        default: '4096',
        describe: 'what is compared as a whole: a multiple of 512, at most 256K',
      })
      .option('base-digests', {
        type: 'boolean',
        default: true,
        describe: 'say what the device must hold before (--no-base-digests: do not)',
      })
      .options(STREAM_OUTPUT)
      .example('$0 old.img new.img -o changes.lvs', 'what makes new.img of old.img'),
  run: async (args) => {
    const blockSize = parseBlockSize(args.blockSize);
    const path = outputPath(args, [args.old, args.new]);
    const written = await withOpen(async (keep) => {
      const codec = keep(createCodec({ level: args.level }));
      const devices = [args.old, args.new].map((device) => keep(openLiveDevice(device)));
      const [before, after] = devices as [(typeof devices)[0], (typeof devices)[0]];
      const remarks = devices.flatMap(remarksOn);
      const changes = {
        ...imageDifference(before.reader, after.reader, { blockSize }),
        conclude: () => ({ consistent: devices.map((device) => isQuiet(device, remarks)).every(Boolean) }),
      };
      const say = (what: Parameters<typeof remark>[0]): void => {
        remark(what, args);
      };
      return remarking({ remarks }, say, () => writeChanges('diff', changes, codec, { ...args, path }));
    });
    await reportWritten(path, written, args);
    return 0;
  },
});

function parseBlockSize(text: string): number {
  const size = parseSize('--block-size', text);
  if (size > 0 && size <= MOST && size % SECTOR === 0) return size;
  throw new UsageError(`--block-size ${text}: not a multiple of 512 up to 256K`);
}
