/** The part of the WebAssembly API that Node's types leave out. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
};

const WASM_PAGE_SIZE = 1 << 16;

/**
 * Memory that direct I/O can read into (open(2), O_DIRECT): zeros that begin at a memory page, where a Buffer begins
 * 16 bytes behind one. Bytes that are never touched take no room. Each call reserves addresses for gigabytes, so keep
 * what it returns and use it again.
 */
export function alignedMemory(size: number): Uint8Array<ArrayBuffer> {
  const { buffer } = new WebAssembly.Memory({ initial: Math.ceil(size / WASM_PAGE_SIZE) });
  return new Uint8Array(buffer, 0, size);
}
