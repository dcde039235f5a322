import { LvstreamError, remedy, sentence } from '../errors.js';
import { type Bits, createBits } from './bits.js';
import { NumberTable } from './number-table.js';
import type { OpenScratch, Scratch } from './scratch.js';

/** Bits in a leaf. */
export const LEAF_BITS = 32768;
const LEAF_SIZE = LEAF_BITS / 8;

/** 16 MiB. */
const DEFAULT_RESIDENT = 4096;
/** A leaf that was asked for stays where it is until as many others have been. */
const LEAST_RESIDENT = 16;
/** Where they lie is known in 16 MiB of memory, and of as many pages the set knows in another 16 MiB. */
const DEFAULT_MOST = 3 << 18;

export interface LeafLimits {
  /** How many are held in memory; no less than 16 are. */
  readonly resident?: number | undefined;
  /** How many there may be. */
  readonly most?: number | undefined;
}

/**
 * Many bit maps of 4 KiB, each under a number, of which those that have been used last are in memory and the others in
 * a {@link Scratch}, which is opened when it is needed.
 */
export class Leaves {
  readonly #openScratch: OpenScratch;
  readonly #half: number;
  readonly #most: number;
  /** Used since the last time that half of what may be in memory was. */
  #young = new Map<number, Bits>();
  #old = new Map<number, Bits>();
  /** Where those lie that have ever left memory. */
  readonly #slots = new NumberTable();
  readonly #freeSlots: number[] = [];
  #scratch: Scratch | undefined;
  #count = 0;

  constructor(
    openScratch: OpenScratch,
    { resident = DEFAULT_RESIDENT, most = DEFAULT_MOST }: LeafLimits = {},
  ) {
    this.#openScratch = openScratch;
    this.#half = Math.max(resident, LEAST_RESIDENT) / 2;
    this.#most = most;
  }

  /**
   * The map of that number; `undefined` if there is none. What is changed in it is kept as long as the change is made
   * before seven others are asked for. Throws `DeviceError`.
   */
  get(key: number): Bits | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const found = this.#old.get(key) ?? this.#load(key);
    if (found === undefined) return undefined;
    this.#hold(key, found);
    this.#old.delete(key);
    return found;
  }

  /** The same; if there is none, it is made, all clear. Throws `LvstreamError` if there are too many. */
  make(key: number): Bits {
    const found = this.get(key);
    if (found !== undefined) return found;
    if (this.#count === this.#most) throw tooMany(this.#most);
    this.#count++;
    const made = createBits(LEAF_BITS);
    this.#hold(key, made);
    return made;
  }

  /** There is none of that number any more. */
  drop(key: number): void {
    const slot = this.#slots.get(key);
    const wasHeld = this.#young.delete(key) || this.#old.delete(key);
    if (slot !== undefined) this.#freeSlots.push(slot);
    this.#slots.delete(key);
    if (wasHeld || slot !== undefined) this.#count--;
  }

  /** Gives back the scratch; the maps must not be used any more. */
  close(): void {
    this.#scratch?.close();
  }

  #load(key: number): Bits | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    const bits = createBits(LEAF_BITS);
    this.#scratch!.read(slot * LEAF_SIZE, bytesOf(bits));
    return bits;
  }

  /** Where half of the room is taken, those that have not been used since it was the last time leave memory. */
  #hold(key: number, bits: Bits): void {
    if (this.#young.size >= this.#half) {
      for (const [other, unused] of this.#old) this.#store(other, unused);
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, bits);
  }

  #store(key: number, bits: Bits): void {
    const slot = this.#slots.get(key) ?? this.#freeSlots.pop() ?? this.#slots.size;
    this.#slots.set(key, slot);
    this.#scratch ??= this.#openScratch();
    this.#scratch.write(slot * LEAF_SIZE, bytesOf(bits));
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Bits): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function tooMany(most: number): LvstreamError {
  return new LvstreamError(
    `the ranges are too many and too scattered to be told apart with ${most} maps of 4 KiB`,
    {
      hint: sentence`a sorted stream needs none of them, such as ${remedy('dump')} writes`,
    },
  );
}
