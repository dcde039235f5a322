import { cases } from './cases/thin.js';
import { describeInVm } from './suite.js';

describeInVm('thin', cases, { disks: [256 * 2 ** 20, 256 * 2 ** 20] });
