/**
 * Buffers that the reader of a blob provides to the source of its bytes. A large body then passes through a few reused
 * buffers and leaves nothing for the garbage collector.
 */
export interface ReadBuffers {
  /**
   * Returns a free buffer. The source writes one chunk into the buffer, and passes this chunk to the reader. The reader
   * can then reuse the buffer. A buffer that the source does not use is left to the garbage collector.
   */
  readonly take: () => Uint8Array
}
