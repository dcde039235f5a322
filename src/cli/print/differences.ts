import type { StreamDifference } from '../../algebra/compare-streams.js';
import type { Range } from '../../ranges/range.js';
import { print } from './print.js';
import { countOf, formatSize } from './sizes.js';
import { visible, visibleJson } from './visible.js';

const MOST_SHOWN = 10;
/** Ranges that are printed at once. */
const AT_ONCE = 4096;

interface ReportOptions {
  readonly json: boolean;
  readonly quiet?: boolean | undefined;
}

/**
 * Reports where two streams differ: for programs every range, as it comes, for people the first ones and sums. Ranges that touch
 * are one. Nothing is printed before the first differences are there, or all has been compared.
 */
export class Differences {
  readonly #names: readonly [string, string];
  readonly #options: ReportOptions;
  readonly #bytes = { first: 0, second: 0, both: 0 };
  #count = 0;
  #last: Range | undefined;
  /** Whole ranges that are still to be printed, of a report for people all that are shown. */
  #ranges: Range[] = [];
  #isBegun = false;

  constructor(names: readonly [string, string], options: ReportOptions) {
    this.#names = names;
    this.#options = options;
  }

  get isDifferent(): boolean {
    return this.#last !== undefined;
  }

  /** Takes what comes next. */
  async add(differences: readonly StreamDifference[]): Promise<void> {
    for (const { offset, length, writer } of differences) {
      this.#bytes[writer] += length;
      if (this.#last && this.#last.offset + this.#last.length === offset)
        this.#last = { offset: this.#last.offset, length: this.#last.length + length };
      else {
        this.#close();
        this.#last = { offset, length };
      }
      if (this.#options.json && this.#ranges.length >= AT_ONCE) await this.#printRanges();
    }
  }

  /** Says the rest. */
  async finish(): Promise<void> {
    this.#close();
    if (!this.#options.json) return this.#say();
    await this.#printRanges();
    const { first, second, both } = this.#bytes;
    const sums = { count: this.#count, bytes: first + second + both, onlyFirst: first, onlySecond: second };
    await print(
      `],${visibleJson(sums).slice(1, -1)}},"verdict":"${this.isDifferent ? 'different' : 'equal'}"}\n`,
    );
  }

  #close(): void {
    if (!this.#last) return;
    this.#count += 1;
    if (this.#options.json || this.#ranges.length < MOST_SHOWN) this.#ranges.push(this.#last);
  }

  async #printRanges(): Promise<void> {
    const [first, second] = this.#names;
    const head = `${visibleJson({ first, second }).slice(0, -1)},"different":{"ranges":[`;
    const text = this.#ranges.map((range) => JSON.stringify(range)).join(',');
    const comma = this.#isBegun && text !== '' ? ',' : '';
    await print(`${this.#isBegun ? comma : head}${text}`);
    this.#isBegun = true;
    this.#ranges = [];
  }

  async #say(): Promise<void> {
    const [first, second] = this.#names.map(visible) as [string, string];
    if (this.isDifferent)
      await print(`${first} and ${second} differ in ${this.#sums(first, second)}\n${this.#list()}`);
    else if (this.#options.quiet !== true) await print(`${first} and ${second} do the same\n`);
  }

  #sums(first: string, second: string): string {
    const { first: before, second: after, both } = this.#bytes;
    const parts = [
      both > 0 ? `${formatSize(both)} are not alike` : '',
      before > 0 ? `${formatSize(before)} only ${first} writes` : '',
      after > 0 ? `${formatSize(after)} only ${second} writes` : '',
    ];
    return `${countOf(this.#count, 'range')}: ${parts.filter((part) => part !== '').join(', ')}`;
  }

  #list(): string {
    const lines = this.#ranges.map(({ offset, length }) => `  byte ${offset}, ${formatSize(length)}\n`);
    const rest = this.#count - this.#ranges.length;
    return lines.join('') + (rest > 0 ? `  and ${rest} more (--json lists all)\n` : '');
  }
}
