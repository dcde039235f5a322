import { basename, join } from 'node:path';
import { UsageError } from '../../errors.js';
import { isFolder } from '../../files/same-file.js';

/**
 * The file that a snapback is saved to: as given, with `%Y %m %d %H %M %S` replaced by parts of the local time (strftime(3)).
 * In a folder, which is there or ends with a slash, it is named by the device and the time. Throws `UsageError`.
 */
export function nameSnapback(given: string, device: string, now: Date): string {
  const path = expandTime(given, now);
  const namesFolder = path.endsWith('/') || isFolder(path);
  return namesFolder
    ? join(path, `${nameOfDevice(device)}.${expandTime('%Y%m%d-%H%M%S', now)}.undo.lvs`)
    : path;
}

function expandTime(text: string, now: Date): string {
  const part = (value: number, width = 2): string => String(value).padStart(width, '0');
  return text.replace(/%(.?)/gs, (found, letter: string) => {
    switch (letter) {
      case 'Y':
        return part(now.getFullYear(), 4);
      case 'm':
        return part(now.getMonth() + 1);
      case 'd':
        return part(now.getDate());
      case 'H':
        return part(now.getHours());
      case 'M':
        return part(now.getMinutes());
      case 'S':
        return part(now.getSeconds());
      case '%':
        return '%';
      default:
        throw new UsageError(`${text}: ${found} stands for nothing`, {
          hint: 'a name may have %Y %m %d %H %M %S of the time, and %% for a percent sign',
        });
    }
  });
}

/** `/dev/vg/lv` and `/dev/mapper/vg-lv` are `vg-lv`, as device-mapper has it; an image goes by its name. */
function nameOfDevice(device: string): string {
  const [, name] = /^\/dev\/(?:mapper\/)?(.+)$/s.exec(device) ?? [];
  return name === undefined ? basename(device) : name.replaceAll('/', '-');
}
