import type { CommandEntry } from './command.js';

/** Every command, in the order of `lvstream --help`. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'dump',
    positionals: '[snapshot]',
    summary: 'the changes from a snapshot to its origin, as a stream',
    load: async () => (await import('./commands/dump.js')).dump,
  },
  {
    name: 'changes',
    positionals: '[snapshot]',
    summary: 'the list of what changed alone, as a map',
    load: async () => (await import('./commands/changes.js')).changes,
  },
  {
    name: 'merge',
    positionals: '<stream..>',
    summary: 'one stream, or map, that does what several do',
    load: async () => (await import('./commands/merge.js')).merge,
  },
  {
    name: 'squash',
    positionals: '<stream..>',
    summary: 'one snapback that undoes what several undo',
    load: async () => (await import('./commands/squash.js')).squash,
  },
  {
    name: 'diff',
    positionals: '<old> <new>',
    summary: 'what makes one image or device of another, as a stream',
    load: async () => (await import('./commands/diff.js')).diff,
  },
  {
    name: 'slice',
    positionals: '[stream]',
    summary: 'the part of a stream that lies in ranges of the device',
    load: async () => (await import('./commands/slice.js')).slice,
  },
  {
    name: 'invert',
    positionals: '[stream]',
    summary: 'the stream that undoes another one, without applying it',
    load: async () => (await import('./commands/invert.js')).invert,
  },
  {
    name: 'compare',
    positionals: '<stream> <other>',
    summary: 'whether two streams do the same, and where not',
    load: async () => (await import('./commands/compare.js')).compare,
  },
  {
    name: 'apply',
    positionals: '<stream> <device>',
    summary: 'writes a stream to a device, and saves the undo first',
    load: async () => (await import('./commands/apply.js')).apply,
  },
  {
    name: 'info',
    positionals: '<stream..>',
    summary: 'what a stream is: records, bytes, states, where its changes lie',
    load: async () => (await import('./commands/info.js')).info,
  },
  {
    name: 'verify',
    positionals: '<stream..>',
    summary: 'whether streams are whole and undamaged',
    load: async () => (await import('./commands/verify.js')).verify,
  },
  {
    name: 'compress',
    positionals: '[stream]',
    summary: 'any stream to an .lvs file',
    load: async () => (await import('./commands/compress.js')).compress,
  },
  {
    name: 'decompress',
    positionals: '[stream]',
    summary: 'any stream to the plain lvmsync stream',
    load: async () => (await import('./commands/decompress.js')).decompress,
  },
  {
    name: 'convert',
    positionals: '[stream]',
    summary: "any stream to another format, other projects' among them",
    load: async () => (await import('./commands/convert.js')).convert,
  },
];
