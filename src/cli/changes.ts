import { createCodec } from '../codec/codec.js';
import { randomId } from '../codec/random-id.js';
import { writeChangeMap } from '../lvm/write-dump.js';
import { declareChanges, openChanges, OUTPUT_GROUP } from './change-source.js';
import { defineCommand } from './command.js';
import { FORCE, JSON_REPORT, OUTPUT, outputPath } from './options.js';
import { generator } from './package-version.js';
import { remark } from './remarks.js';
import { reportWritten, writeCounted } from './written.js';

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
    const path = outputPath(args);
    const codec = createCodec({ level: 0 });
    const found = await openChanges({ ...args, rangesOnly: true });
    try {
      for (const text of found.remarks) remark(text, args);
      const options = { id: randomId(), generator: generator() };
      const written = await writeCounted(path, args, (sink) => writeChangeMap(found, sink, codec, options));
      await reportWritten(path, { format: 'lvs', kind: 'map', ...written }, args);
    } finally {
      found.close();
      await codec.close();
    }
    return 0;
  },
});
