import { cases } from './cases/recipes.js';
import { describeInVm } from './suite.js';

/** Each call of a script failing or killed in turn takes tens of minutes without KVM: `SLOW=1` has those cases too. */
const slow = process.env['SLOW'] === '1';

describeInVm('recipes', slow ? cases : cases.filter(({ name }) => !name.includes('hourly archive')), {
  disks: [256 * 2 ** 20, 64 * 2 ** 20],
});
