import { cases } from './cases/direct.js';
import { describeInVm } from './suite.js';

describeInVm('direct', cases, { disks: [256 * 2 ** 20] });
