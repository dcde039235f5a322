import { cases } from './cases/power-cuts.js';
import { LOG_SIZE } from './record-writes.js';
import { describeInVm } from './suite.js';
import { DISK_SIZES } from './two-disks.js';

/** Every flush takes half an hour without KVM: `SLOW=1` has those cases instead of the sample. */
const slow = process.env['SLOW'] === '1';
const left = slow ? 'of its flushes' : 'every flush';

describeInVm(
  'power-cuts',
  cases.filter(({ name }) => !name.includes(left)),
  { disks: [...DISK_SIZES, LOG_SIZE], ...(slow && { timeoutSeconds: 4 * 3600 }) },
);
