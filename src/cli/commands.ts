import type { CommandEntry } from './command.js';

/** Every command, in the order of `lvstream --help`. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'dump',
    positionals: '',
    summary: 'the changes from a snapshot to its origin, as a stream',
    load: async () => (await import('./dump.js')).dump,
  },
  {
    name: 'apply',
    positionals: '<stream> <device>',
    summary: 'writes a stream to a device, and saves the undo first',
    load: async () => (await import('./apply.js')).apply,
  },
];
