import { cases } from './cases/thick-pair.js';
import { describeInVm } from './suite.js';

describeInVm('thick-pair', cases, { disks: [256 * 2 ** 20, 256 * 2 ** 20] });
