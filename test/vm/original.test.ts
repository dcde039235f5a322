import { cases } from './cases/original.js';
import { describeInVm } from './suite.js';

describeInVm('original', cases);
