import type { Offer, Override, Remedy } from '../errors.js';
import { shellWord } from './print/shell-word.js';

type RemedyName = Override | Offer;

/** What `lvstream` calls a remedy: an option of the command that runs, or another command. */
const NAMES: Readonly<Record<RemedyName, string>> = {
  'in-use': '--in-use',
  'skip-past-end': '--skip-past-end',
  'no-base-check': '--no-base-check',
  finish: '--finish',
  'out-of-order': '--out-of-order',
  'any-order': '--any-order',
  lossy: '--lossy',
  force: '--force',
  'compress-salvage': 'lvstream compress --salvage',
  'apply-salvage': 'lvstream apply --salvage',
  'assume-lvmsync2': 'lvstream reads it with --assume lvmsync2',
  units: '--units chunks or --units bytes',
  info: 'lvstream info',
  dump: 'lvstream dump',
  'dump-images': 'lvstream dump --help',
  full: '--full',
  'second-volume': '--to',
  'second-snapshot': 'lvstream dump --to or --temporary-snapshot, lvmsync --data-source',
  'keep-equal': '--keep-equal',
  'without-base-digests': 'leave out --base-digests',
  'snapshot-of-map': 'the snapshot that changes --to named',
  wait: '--wait SECONDS',
  'temp-folder': '--temp-folder',
  squash: 'lvstream squash',
};

export function nameOf(remedy: Remedy): string {
  return remedy.name === 'take-back' ? takeBackCommand(remedy) : NAMES[remedy.name];
}

function takeBackCommand({ stream, device, skipPastEnd }: Extract<Remedy, { name: 'take-back' }>): string {
  const options = skipPastEnd ? ' --skip-past-end' : '';
  return `lvstream apply --salvage${options} ${shellWord(stream)} ${shellWord(device)}`;
}
