import { createCodec } from '../../codec/codec.js';
import { applyStream } from '../../apply/apply.js';
import type { ApplyReport } from '../../apply/work.js';
import { isBegun } from '../../apply/finished.js';
import { openInput } from '../../files/open-input.js';
import { defineCommand } from '../command.js';
import { LEFT_OUT } from '../exit.js';
import { DIALECT, dialectOf, JSON_REPORT, LEVEL, refuseInput } from '../options.js';
import { generator } from '../package-version.js';
import { print, printJson } from '../print/print.js';
import { nameSnapback } from '../arguments/snapback-name.js';
import { remark } from '../print/remarks.js';
import { visible } from '../print/visible.js';
import { withOpen } from '../with-open.js';

const flag = { type: 'boolean', default: false } as const;

/** A thread at a high level takes 20 MiB, and so does what waits for its pre-images: all of it stays under 256 MiB. */
const MOST_THREADS = 4;

export const apply = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('stream', {
        type: 'string',
        demandOption: true,
        describe: 'the stream; - is standard input',
      })
      .positional('device', {
        type: 'string',
        demandOption: true,
        describe: 'the block device or image to write to',
      })
      .option('snapback', {
        alias: 'b',
        type: 'string',
        requiresArg: true,
        describe:
          'save what is overwritten to this new file first; in a folder it is named by device and time, and %Y%m%d-%H%M stand for the time',
      })
      .option('dry-run', { ...flag, alias: 'n', describe: 'make all checks and write nothing' })
      .option('skip-past-end', { ...flag, describe: "leave out what lies past the device's end" })
      .option('sync', {
        ...flag,
        default: true,
        describe: 'put it on stable storage before saying done (--no-sync: do not)',
      })
      .option('base-check', {
        ...flag,
        default: true,
        describe: 'check that the device holds what the stream was made for',
      })
      .option('in-use', { ...flag, describe: 'write although the device is mounted, held or open elsewhere' })
      .option('finish', { ...flag, describe: 'finish a stream that is partly applied' })
      .option('out-of-order', { ...flag, describe: 'apply a snapback although it is not its turn' })
      .option('salvage', { ...flag, describe: 'apply every whole record before the first damage' })
      .option('level', LEVEL)
      .options(DIALECT)
      .option('json', JSON_REPORT)
      .example('$0 vm.lvs /dev/vg/vm --snapback vm.undo.lvs', 'apply vm.lvs, and be able to undo it'),
  run: async (args) => {
    refuseInput('-', [args.stream, args.device]);
    const snapback =
      args.snapback === undefined ? undefined : nameSnapback(args.snapback, args.device, new Date());
    const report = await withOpen(async (keep) => {
      const codec = keep(createCodec({ level: args.level, mostThreads: MOST_THREADS }));
      const rewindable = args.salvage || (await isBegun(snapback, args.device));
      const options = { pieces: true, rewindable, ...dialectOf(args) };
      const input = keep(await openInput(args.stream, codec, options));
      if (!args.baseCheck)
        remark('the device is not checked to be what the stream was made for (--no-base-check)', args);
      const openFile = (path: string) => openInput(path, codec, { pieces: true });
      return applyStream(input, args.device, codec, openFile, { ...args, snapback, generator: generator() });
    });
    for (const notice of report.notices) remark(notice, args);
    if (args.json) await printJson(report);
    else if (!args.quiet) await print(`${visible(`${args.device}: ${describe(report)}`)}\n`);
    if (report.fault) remark(`left out everything from the damage on: ${report.fault.message}`, {});
    return report.fault || report.bytesSkipped > 0 ? LEFT_OUT : 0;
  },
});

function describe({ outcome, bytesWritten, bytesSkipped, snapback }: ApplyReport): string {
  const skipped = bytesSkipped > 0 ? `, ${bytesSkipped} bytes past the end left out` : '';
  const undo = snapback === undefined ? '' : `, undo in ${snapback}`;
  switch (outcome) {
    case 'already-applied':
      return `already applied, nothing written${skipped}`;
    case 'checked':
      return `checked, nothing written (dry run)${skipped}`;
    default:
      return `${outcome}, ${bytesWritten} bytes written${skipped}${undo}`;
  }
}
