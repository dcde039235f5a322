import { describe, expect, it } from 'vitest';
import { runInterruptActions } from '#src/files/interrupt.js';
import { openTogether } from '#src/lvm/opened.js';

const items = (log: string[]) => (name: string, failure?: Error) => ({
  close: () => {
    log.push(name);
    if (failure !== undefined) throw failure;
  },
});

describe('what is opened together', () => {
  it('is closed together and once, the latest first', async () => {
    const log: string[] = [];
    const item = items(log);
    const opened = await openTogether(async (keep) => {
      keep(item('first'));
      keep(item('second'));
      return { value: 7 };
    });
    expect([opened.value, log]).toEqual([7, []]);
    opened.close();
    opened.close();
    runInterruptActions();
    expect(log).toEqual(['second', 'first']);
  });

  it('is closed at once where opening fails', async () => {
    const log: string[] = [];
    const opening = openTogether(async (keep) => {
      keep(items(log)('first'));
      throw new Error('no second');
    });
    await expect(opening).rejects.toThrow('no second');
    expect(log).toEqual(['first']);
  });

  it('is closed by a signal, also while it is being opened', async () => {
    const log: string[] = [];
    await openTogether(async (keep) => {
      keep(items(log)('first'));
      runInterruptActions();
      return {};
    });
    expect(log).toEqual(['first']);
  });

  it('is closed to the last where one cannot be', async () => {
    const log: string[] = [];
    const item = items(log);
    const opened = await openTogether(async (keep) => {
      keep(item('first'));
      keep(item('second', new Error('stuck')));
      return {};
    });
    expect(() => opened.close()).toThrow('stuck');
    expect(log).toEqual(['second', 'first']);
  });
});
