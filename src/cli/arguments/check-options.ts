import { UsageError } from '../../errors.js';
import { unknownOption, type WrongArguments } from './wrong-arguments.js';

interface Given {
  /** With its dashes, without its value. */
  readonly option: string;
  readonly name: string;
  readonly hasValue: boolean;
  /** `--no-` before the name of a flag. */
  readonly isNegated: boolean;
}

/**
 * Throws `UsageError` for what yargs would take for something else: a value of a flag, of which it takes all but `true` for
 * no; `--no-` before an option that takes a value; and an option that there is not, which it looks for only after it has
 * missed what it took for that one's value.
 */
export function checkOptions(wrong: WrongArguments): void {
  const { argv, options, flags } = wrong;
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  for (let at = 0; at < own.length; at += 1) {
    const given = optionAt(own[at]!, options);
    if (given === undefined) continue;
    const isFlag = flags.includes(given.name);
    if (!options.includes(given.name) || (given.isNegated && !isFlag)) throw unknownOption(own[at]!, wrong);
    if (isFlag) refuseValue(given, own[at + 1]);
    else if (!given.hasValue) at += 1;
  }
}

function optionAt(argument: string, options: readonly string[]): Given | undefined {
  const [, option, value] = /^(--[^=]+|-[^-=])(=.*)?$/s.exec(argument) ?? [];
  if (option === undefined) return undefined;
  const name = kebab(option.replace(/^-+/, ''));
  const isNegated = name.startsWith('no-') && !options.includes(name);
  return { option, name: isNegated ? name.slice(3) : name, hasValue: value !== undefined, isNegated };
}

/** yargs takes `--dryRun` for `--dry-run`. */
function kebab(word: string): string {
  return word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function refuseValue({ option, hasValue }: Given, next: string | undefined): void {
  if (!hasValue && next !== 'true' && next !== 'false') return;
  throw new UsageError(`${option}: takes no value`, { hint: `give ${option} alone, or leave it out` });
}
