/**
 * Buffers that the reader of a blob provides to its source. A large body then passes through a few reused buffers and
 * leaves nothing for the garbage collector.
 */
export interface ReadBuffers {
  /**
   * Returns a free buffer. The source writes one chunk into it, and passes the chunk to the reader, which can then
   * reuse the buffer. A buffer that the source does not use is left to the garbage collector.
   */
  readonly take: () => Uint8Array
}
