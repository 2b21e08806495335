/**
 * Buffers that the reader of a blob lends to its source. A large body then passes through a few reused buffers and
 * leaves nothing for the garbage collector.
 */
export interface ReadBuffers {
  /**
   * Takes a free buffer. The source puts one chunk into it, and the buffer returns to the reader with that chunk. A
   * buffer that was taken and not used is garbage.
   */
  readonly take: () => Uint8Array
}
