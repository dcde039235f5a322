import { describe, expect, it } from 'vitest';
import { nameForDropIn } from '#src/cli/lvmsync/remedies.js';
import { nameOf } from '#src/cli/remedies.js';
import {
  formatSentence,
  FormatError,
  LvstreamError,
  OFFERS,
  OVERRIDES,
  RefusedError,
  remedy,
  sentence,
} from '#src/errors.js';
import { lvstream } from './run-lvstream.js';

/** What can be done about an error, and what the programs call it. */

describe('a remedy', () => {
  it('that allows what apply refused is an option of it', async () => {
    const { text } = await lvstream(['apply', '--help']);
    const others: readonly string[] = ['force', 'any-order', 'lossy'];
    const options = OVERRIDES.filter((name) => !others.includes(name)).map((name) => nameOf(remedy(name)));
    const declared = options.map((option) => option.replace('--no-', '--'));
    for (const option of declared) expect(text).toMatch(new RegExp(`\\s${option}\\s`));
  });

  it('that allows what merge refused is an option of it', async () => {
    const { text } = await lvstream(['merge', '--help']);
    for (const name of ['any-order', 'temp-folder'] as const)
      expect(text).toMatch(new RegExp(`\\s${nameOf(remedy(name))}\\s`));
  });

  it.each([...OVERRIDES, ...OFFERS])('is called by lvmsync as no option that it lacks: %s', (name) => {
    expect(nameForDropIn(remedy(name))).not.toMatch(/^--/);
  });

  it('takes back by a command that a shell reads as it is meant', () => {
    const back = { name: 'take-back', stream: "it's", device: '/dev/vg/lv', skipPastEnd: false } as const;
    const command = String.raw`lvstream apply --salvage 'it'\''s' /dev/vg/lv`;
    expect([nameOf(back), nameForDropIn(back)]).toEqual([command, command]);
  });
});

describe('the way out of an error', () => {
  const name = 'of "device"';
  const hint = sentence`end ${name}, or ${sentence`go on ${remedy('wait')}`} or ${remedy('in-use')}`;

  it('is words with remedies among them, which each program calls its own way', () => {
    const error = new RefusedError('no', { hint });
    expect(error.hint).toBe('end of "device", or go on wait or in-use');
    expect(error.remedies).toEqual([{ name: 'wait' }, { name: 'in-use' }]);
    expect(error.override).toBe('in-use');
    expect(formatSentence(hint, ({ name: known }) => `<${known}>`)).toBe(
      'end of "device", or go on <wait> or <in-use>',
    );
    expect(formatSentence('as it is', nameOf)).toBe('as it is');
  });

  it('can be that nothing helps', () => {
    const error = new RefusedError('no');
    expect([error.hint, error.wayOut, error.remedies, error.override]).toEqual([
      undefined,
      undefined,
      [],
      undefined,
    ]);
    expect(new LvstreamError('no', { hint: 'mount it' }).remedies).toEqual([]);
  });

  it('is another one in a copy of the fault, which stays as it was', () => {
    const fault = new FormatError('truncated', 7, 'ends', { hint, stream: 'x' });
    const other = fault.withHint('get it again');
    expect(other).toMatchObject({ message: fault.message, fault: 'truncated', position: 7, stream: 'x' });
    expect([other.hint, other.stack]).toEqual(['get it again', fault.stack]);
    expect(fault.wayOut).toBe(hint);
  });
});
