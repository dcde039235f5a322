import type { Remedy } from '../../errors.js';
import { nameOf } from '../remedies.js';

/** What `lvmsync` has no option for, but a command of `lvstream` has. */
const OF_LVSTREAM: Readonly<Partial<Record<Remedy['name'], string>>> = {
  'in-use': 'lvstream apply --in-use',
  'skip-past-end': 'lvstream apply --skip-past-end',
  'no-base-check': 'lvstream apply --no-base-check',
  finish: 'lvstream apply --finish',
  'out-of-order': 'lvstream apply --out-of-order',
  'any-order': 'lvstream merge --any-order',
  lossy: 'lvstream convert --lossy',
  force: 'lvstream dump --force',
  units: 'lvstream apply --units chunks or --units bytes',
  full: 'lvstream dump --full',
  'second-volume': 'lvstream dump --to',
  'keep-equal': 'lvstream dump --keep-equal',
  wait: 'lvstream dump --wait SECONDS',
  'temp-folder': 'lvstream merge --temp-folder',
};

/** What `lvmsync` calls a remedy. */
export function nameForDropIn(remedy: Remedy): string {
  return OF_LVSTREAM[remedy.name] ?? nameOf(remedy);
}
