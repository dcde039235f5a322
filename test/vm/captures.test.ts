import { cases } from './cases/captures.js';
import { describeInVm } from './suite.js';

describeInVm('captures', cases);
