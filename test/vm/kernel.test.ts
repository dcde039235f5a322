import { cases } from './cases/kernel.js';
import { describeInVm } from './suite.js';

describeInVm('kernel', cases);
