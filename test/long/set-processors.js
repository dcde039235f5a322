import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

/** Loaded before a command that is to run as on a machine of PROCESSORS processors: it starts as many threads. */
const count = Number(process.env.PROCESSORS);
if (count > 0) {
  os.availableParallelism = () => count;
  syncBuiltinESMExports();
}
