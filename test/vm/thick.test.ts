import { cases } from './cases/thick.js';
import { describeInVm } from './suite.js';

describeInVm('thick', cases, { disks: [256 * 2 ** 20, 256 * 2 ** 20] });
