import { UsageError } from '../errors.js';
import type { CommandEntry } from './command.js';
import { COMMANDS } from './commands.js';
import { runToExit } from './exit.js';
import { packageVersion } from './package-version.js';
import { print } from './print/print.js';
import { findSimilar } from './arguments/similar.js';

await runToExit('lvstream', () => main(process.argv.slice(2)));

/** Finds the command; what it takes to parse its arguments is loaded only then. */
async function main(argv: readonly string[]): Promise<number> {
  const [name] = argv;
  if (name === '--version' || name === '-V') return say(`lvstream ${packageVersion()}\n`);
  if (name === '--help' || name === '-h' || (name === 'help' && argv.length === 1)) return say(overview());
  if (name === 'help') return main([...argv.slice(1), '--help']);
  if (name === undefined) throw new UsageError('no command is given', { hint: 'see lvstream --help' });
  const entry = COMMANDS.find((command) => command.name === name);
  if (!entry) throw unknownCommand(name);
  const [{ runCommand }, { widenPipes }] = await Promise.all([
    import('./arguments/parse.js'),
    import('./widen-pipes.js'),
    entry.load(),
  ]);
  widenPipes();
  return runCommand(entry, argv.slice(1));
}

async function say(text: string): Promise<number> {
  await print(text);
  return 0;
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const line = ({ name, summary }: CommandEntry) => `  ${name.padEnd(width)}  ${summary}\n`;
  return [
    'lvstream COMMAND …: change streams of block devices\n\n',
    ...COMMANDS.map(line),
    '\nlvstream COMMAND --help says more; lvstream --version names the version.\n',
    'A - in place of a STREAM or FILE is standard input or output.\n',
  ].join('');
}

function unknownCommand(name: string): UsageError {
  if (name.startsWith('-'))
    return new UsageError(`${name}: options come behind the command`, { hint: 'see lvstream --help' });
  const similar = findSimilar(
    name,
    COMMANDS.map((command) => command.name),
  );
  const hint = similar === undefined ? 'see lvstream --help' : `did you mean lvstream ${similar}?`;
  return new UsageError(`${name}: there is no such command`, { hint });
}
