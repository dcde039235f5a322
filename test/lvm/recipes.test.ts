import { cases } from './cases/recipes.js';
import { describeInVm } from './suite.js';

describeInVm('recipes', cases, { disks: [256 * 2 ** 20, 64 * 2 ** 20] });
