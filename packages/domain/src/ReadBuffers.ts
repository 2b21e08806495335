/**
 * Buffers for the bytes of a blob. The reader of the blob provides the buffers, and the producer of the bytes fills
 * them. A large body then passes through a few reused buffers, and leaves nothing for the garbage collector.
 */
export interface ReadBuffers {
  /**
   * Returns a free buffer. The producer of the bytes writes one chunk into the buffer, and passes this chunk to the
   * reader of the blob. When the reader no longer needs the chunk, a later call of `take` may return the same buffer.
   * The producer may also leave the buffer unused.
   */
  readonly take: () => Uint8Array
}
