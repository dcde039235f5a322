import { lvmsync } from './lvmsync-target.js';
import { lvs } from './lvs-target.js';
import { thick } from './thick-target.js';
import { thin } from './thin-target.js';

/** Everything that decodes bytes which somebody else may have made. */
export const targets = { lvs, lvmsync, thick, thin } as const;
