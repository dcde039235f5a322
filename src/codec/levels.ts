/** zstd's level from which on its tables for a frame of 1 MiB would be larger than 8 MiB, and its work takes long. */
export const FIRST_HIGH_LEVEL = 9;
