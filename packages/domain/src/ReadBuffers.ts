/**
 * Buffers for the bytes of a blob. The reader of the blob provides the buffers, and the producer of the bytes fills
 * them. A large body then passes through a few reused buffers, and leaves nothing for the garbage collector.
 */
export interface ReadBuffers {
  /**
   * Returns a free buffer. The producer of the bytes writes one chunk into the buffer, and passes this chunk to the
   * reader. The reader can then reuse the buffer. A buffer that the producer does not use need not be given back.
   */
  readonly take: () => Uint8Array
}
