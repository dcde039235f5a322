import { cases } from './cases/thin-random.js';
import { describeInVm } from './suite.js';

describeInVm('thin-random', cases);
