import { cases } from './cases/thin-active.js';
import { describeInVm } from './suite.js';

describeInVm('thin-active', cases, { disks: [256 * 2 ** 20] });
