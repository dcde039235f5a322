import { createCodec } from '../../codec/codec.js';
import { randomId } from '../../codec/random-id.js';
import type { OpenChanges } from '../../changes/changes.js';
import { writeChangeMap } from '../../changes/write-changes.js';
import { declareChanges, openChanges, outputOf, OUTPUT_GROUP } from './change-source.js';
import { defineCommand } from '../command.js';
import { FORCE, JSON_REPORT, OUTPUT } from '../options.js';
import { generator } from '../package-version.js';
import { remark } from '../print/remarks.js';
import { reportWritten, writeCounted, type Written } from '../print/written.js';

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
    const found = await openChanges({ ...args, rangesOnly: true });
    const written = await writeAndClose(found, path, args);
    await reportWritten(path, { format: 'lvs', kind: 'map', ...written }, args);
    return 0;
  },
});

/** What was made to read the changes may not go away again: nothing is said to be done before it has. */
async function writeAndClose(
  found: OpenChanges,
  path: string,
  args: { readonly force: boolean; readonly quiet: boolean | undefined },
): Promise<Omit<Written, 'format'>> {
  const codec = createCodec({ level: 0 });
  const options = { id: randomId(), generator: generator() };
  try {
    for (const text of found.remarks) remark(text, args);
    return await writeCounted(path, args, (sink) => writeChangeMap(found, sink, codec, options));
  } finally {
    await codec.close();
    found.close();
  }
}
