/** Values of {@link CacheResult}. */
export const cacheResults = ["hit", "memory", "miss", "collapsed", "bypass"] as const

/**
 * The origin of an opened package: the store, memory, this caller's own fill, a fill that another caller began, or the
 * registry without the cache. See `Cache-Status` (RFC 9211).
 */
export type CacheResult = (typeof cacheResults)[number]
