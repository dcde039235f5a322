import { randomId } from '../../codec/random-id.js';
import { writeChangeMap } from '../../changes/write-changes.js';
import { declareChanges, outputOf, OUTPUT_GROUP, withChanges } from './dump/change-source.js';
import { defineCommand } from '../command.js';
import { FORCE, JSON_REPORT, OUTPUT } from '../options.js';
import { generator } from '../package-version.js';
import { reportWritten, writeCounted } from '../print/written.js';

export const changes = defineCommand({
  declare: (yargs) =>
    declareChanges(yargs)
      .option('output', OUTPUT)
      .option('force', FORCE)
      .option('json', JSON_REPORT)
      .group(['output', 'force', 'json'], OUTPUT_GROUP)
      .example('$0 vg/vm-monday -o vm.map', 'keep the list of what changed, so that the snapshot can go')
      .example('lvstream dump --map vm.map --data-source /dev/vg/vm -o vm.lvs', 'make a stream of it later'),
  run: async (args) => {
    const path = outputOf(args);
    const options = { id: randomId(), generator: generator() };
    const written = await withChanges({ ...args, rangesOnly: true }, 0, (found, codec) =>
      writeCounted(path, args, (sink) => writeChangeMap(found, sink, codec, options)),
    );
    await reportWritten(path, { format: 'lvs', kind: 'map', ...written }, args);
    return 0;
  },
});
