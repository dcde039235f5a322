import { cases } from './cases/thick-lost.js';
import { describeInVm } from './suite.js';

describeInVm('thick-lost', cases, { disks: [256 * 2 ** 20, 256 * 2 ** 20] });
