/** A ceiling for Python's memory: what runs away ends in MemoryError, not in a dead tab. */

const PAGE = 65536; // bytes in a page of WebAssembly memory

/** Refuse every WebAssembly memory of this worker growth beyond `bytes`. */
export function capMemory(bytes: number): void {
  const grow = WebAssembly.Memory.prototype.grow;
  WebAssembly.Memory.prototype.grow = function (this: WebAssembly.Memory, pages: number): number {
    if (this.buffer.byteLength + pages * PAGE > bytes) {
      throw new RangeError("Python may not use more memory than this.");
    }
    return grow.call(this, pages);
  };
}
