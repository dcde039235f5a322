import { randomId } from '../../codec/random-id.js';
import { LIST_FORMATS, writeChangeList, type ListFormat } from '../../changes/change-lists.js';
import type { OpenChanges } from '../../changes/changes.js';
import { writeChangeMap } from '../../changes/write-changes.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import type { ByteSink } from '../../format/lvs/writer.js';
import { declareChanges, outputOf, OUTPUT_GROUP, withChanges } from './dump/change-source.js';
import { defineCommand } from '../command.js';
import { FORCE, JSON_REPORT, OUTPUT } from '../options.js';
import { generator } from '../package-version.js';
import { remark } from '../print/remarks.js';
import { reportWritten, writeCounted } from '../print/written.js';

export const changes = defineCommand({
  declare: (yargs) =>
    declareChanges(yargs)
      .option('output', OUTPUT)
      .option('force', FORCE)
      .option('json', JSON_REPORT)
      .option('as', {
        choices: LIST_FORMATS,
        requiresArg: true,
        describe: 'a list for another backup tool, in place of a map',
      })
      .group(['output', 'force', 'json', 'as'], OUTPUT_GROUP)
      .example('$0 vg/vm-monday -o vm.map', 'keep the list of what changed, so that the snapshot can go')
      .example('lvstream dump --map vm.map --data-source /dev/vg/vm -o vm.lvs', 'make a stream of it later'),
  run: async (args) => {
    const path = outputOf(args);
    const written = await withChanges({ ...args, rangesOnly: true }, 0, (found, codec) =>
      writeCounted(path, args, (sink) => writeRanges(found, args.as, sink, codec)),
    );
    if (args.as !== undefined && written.totals.consistent === false) remark(MOVING, args);
    await reportWritten(path, { format: args.as ?? 'lvs', kind: 'map', ...written }, args);
    return 0;
  },
});

const MOVING =
  'the volume was in use: what is written to it after this list was made is not in it; back up a snapshot, and name it with --to';

function writeRanges(
  found: OpenChanges,
  format: ListFormat | undefined,
  sink: ByteSink,
  codec: FrameCodec,
): ReturnType<typeof writeChangeList> {
  if (format !== undefined) return writeChangeList(found, format, sink);
  return writeChangeMap(found, sink, codec, { id: randomId(), generator: generator() });
}
