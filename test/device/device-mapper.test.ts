import { expect, it, onTestFinished, vi } from 'vitest';
import { listMappedDevices, sendMessage, statusOf } from '#src/device/device-mapper.js';
import { DeviceError } from '#src/errors.js';
import { makeUp } from './usage/made-up-kernel.js';

const says = (stdout: string, status = 0, stderr = '') => makeUp({ dmsetup: { status, stdout, stderr } });

it('lists the devices of device-mapper, whatever their names', () => {
  const running = says(
    [
      '253/0/1/L--w/vg-lv/LVM-abc-real',
      '  253/12/0/LIsr/odd name/CRYPT/1/x',
      '  ',
      '253/3/2/L--r/s/',
      '',
    ].join('\n'),
  );
  const device = (name: string, uuid: string, number: string) => ({
    name,
    uuid,
    number,
    path: `/dev/mapper/${name}`,
  });
  expect(listMappedDevices()).toEqual([
    { ...device('vg-lv', 'LVM-abc-real', '253:0'), openCount: 1, suspended: false, readOnly: false },
    { ...device('odd name', 'CRYPT/1/x', '253:12'), openCount: 0, suspended: true, readOnly: true },
    { ...device('s', '', '253:3'), openCount: 2, suspended: false, readOnly: true },
  ]);
  expect(running.asked.map((words) => words.join(' '))).toEqual([
    'dmsetup info --columns --noheadings --separator / -o major,minor,open,attr,name,uuid',
  ]);
});

it('lists none where there is none', () => {
  says('No devices found\n');
  expect(listMappedDevices()).toEqual([]);
});

it('tells the state of each target of a device', () => {
  const running = says('0 2048 linear 8:16 384\n 2048  10 snapshot-merge  16/64 16\n3000 1 error\n\n');
  expect(statusOf('vg-lv')).toEqual([
    { start: 0, length: 2048, type: 'linear', words: ['8:16', '384'] },
    { start: 2048, length: 10, type: 'snapshot-merge', words: ['16/64', '16'] },
    { start: 3000, length: 1, type: 'error', words: [] },
  ]);
  expect(running.asked).toEqual([['dmsetup', 'status', '--noflush', 'vg-lv']]);
});

it('sends a message to the first sector', () => {
  const running = says('');
  sendMessage('vg-tpool', 'reserve_metadata_snap');
  expect(running.asked).toEqual([['dmsetup', 'message', 'vg-tpool', '0', 'reserve_metadata_snap']]);
});

it.each<[number, string | undefined]>([
  [0, undefined],
  [1000, 'device-mapper needs root'],
])('says what dmsetup complains of, and to user %i what may help', (user, hint) => {
  vi.spyOn(process as { geteuid: () => number }, 'geteuid').mockReturnValue(user);
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const { asked } = says('of no use', 1, 'Device x not found\n  Command failed\n');
  const send = () => {
    sendMessage('x', 'm');
  };
  for (const act of [listMappedDevices, () => statusOf('x'), send]) {
    expect(act).toThrow(DeviceError);
    const words = asked.at(-1)!.join(' ');
    expect(act).toThrow(
      expect.objectContaining({ message: `${words}: Device x not found; Command failed`, hint }),
    );
  }
});

it('says so where there is no dmsetup', () => {
  makeUp({});
  expect(() => statusOf('x')).toThrow("dmsetup can't be run: it is not installed");
});
