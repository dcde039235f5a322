import { shellWord } from '../files/shell-word.js';
import { partialPath } from './partial-file.js';

/** The command that takes back what has been written while `snapback` was begun: as its unfinished file recorded it. */
export function takeBackCommand(snapback: string, device: string): string {
  return `lvstream apply --salvage ${shellWord(partialPath(snapback))} ${shellWord(device)}`;
}
