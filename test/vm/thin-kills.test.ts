import { cases } from './cases/thin-kills.js';
import { describeInVm } from './suite.js';

describeInVm('thin-kills', cases, { disks: [256 * 2 ** 20] });
