/** All values of `CacheResult`. */
export const cacheResults = ["hit", "memory", "miss", "collapsed", "bypass"] as const

/**
 * The source of an opened package's bytes. `hit`: the store. `memory`: the cache's memory. `miss`: a download that this
 * caller began. `collapsed`: a download that another caller began. `bypass`: the registry, without storing the package.
 * See `Cache-Status` (RFC 9211).
 */
export type CacheResult = (typeof cacheResults)[number]
