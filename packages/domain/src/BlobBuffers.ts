/**
 * Memory that a blob's bytes may be put into, lent by whoever consumes them: a large body then passes through a few
 * buffers that are used again, and leaves nothing to collect.
 */
export interface BlobBuffers {
  /**
   * A buffer nobody else uses. A chunk that lies in one is the only one in it, and the buffer is the consumer's again
   * with that chunk. One that was taken and never came back is the collector's.
   */
  readonly take: () => Uint8Array
}
