import { cases } from './cases/guards.js';
import { describeInVm } from './suite.js';

describeInVm('guards', cases);
