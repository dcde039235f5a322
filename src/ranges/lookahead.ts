/** Values in their order, of which the next one is known before it is taken. */
export class Lookahead<T> {
  readonly #values: Iterator<T, unknown>;
  /** The next one; undefined once there is none. */
  head: T | undefined;

  /** Takes the first value at once. Throws what iterating does, as {@link advance} does. */
  constructor(values: Iterable<T>) {
    this.#values = values[Symbol.iterator]();
    this.advance();
  }

  /** Goes on to the value behind the head. */
  advance(): void {
    const step = this.#values.next();
    this.head = step.done === true ? undefined : step.value;
  }

  /** Ends the iteration of what is left. */
  end(): void {
    this.#values.return?.();
  }
}
