import { cases } from './cases/failing-disks.js';
import { describeInVm } from './suite.js';
import { DISK_SIZES } from './two-disks.js';

/** Many moments take long without KVM: `SLOW=1` has those cases instead. */
const left = process.env['SLOW'] === '1' ? ' 3 moments' : ' 15 moments';

describeInVm(
  'failing-disks',
  cases.filter(({ name }) => !name.includes(left)),
  { disks: DISK_SIZES },
);
