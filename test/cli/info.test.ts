import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { lvs, record, sorted, uuid } from '../vectors/vector.js';
import { Folder, succeed } from './run-lvstream.js';

/** What the commands say of a stream that leaves out what it may (§4.6.5), or says more than they know (§6.1). */

const folder = new Folder();
const records = [record(0), record(4096)];
const bare = lvs('bare', 'Neither digest nor runs.', { ...sorted, id: uuid }, (file) => {
  file.data(records);
  file.finish({ without: ['digest', 'runs'] });
});
const file = folder.file('bare.lvs', bare.input);

it('info and verify leave out a digest and runs that the file does not say', async () => {
  const { text } = await succeed(['info', file]);
  expect(text).toMatch(/^ {2}records +2$/m);
  expect(text).not.toMatch(/^ {2}digest /m);
  expect((await succeed(['verify', file])).text).toBe(`${file}: whole, 2 records, 96 bytes\n`);
  for (const command of ['info', 'verify']) {
    const json: unknown = JSON.parse((await succeed([command, '--json', file])).text);
    expect(json).toMatchObject({ records: 2, data: 96 });
    expect(json).not.toHaveProperty('digest');
    expect(json).not.toHaveProperty('runs');
  }
});

it('a stream without digest is applied and taken back', async () => {
  const before = new Uint8Array(8192).fill(9);
  const [device, undo] = [folder.file('device', before), folder.fresh('undo.lvs')];
  await succeed(['apply', '--snapback', undo, file, device]);
  const after = Uint8Array.from(before);
  for (const { offset, data } of records) after.set(data, offset);
  expect(readFileSync(device).equals(after)).toBe(true);
  await succeed(['apply', undo, device]);
  expect(readFileSync(device).equals(before)).toBe(true);
});

it('info shows other keys of a state, whatever their values', async () => {
  const base = { id: 'lv:a', vg: 'data', later: [1, { of: 'any type' }] };
  const { input } = lvs('keys', 'A state with other keys.', { ...sorted, base }, (draft) => draft.finish());
  const { text } = await succeed(['info', folder.file('keys.lvs', input)]);
  expect(text).toMatch(/^ {2}base +lv:a, vg data, later \[1,\{"of":"any type"\}\]$/m);
});
