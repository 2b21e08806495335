/**
 * A signal is dropped if it repeats within this time, in milliseconds. Under npm, Ctrl-C sends a program two signals:
 * one from the terminal and one from npm. The program would stop at once on the second signal.
 */
const repeatMillis = 500
const receivedAt = new Map<string | symbol, number>()
const emit = process.emit.bind(process) as (
  event: string | symbol,
  ...args: ReadonlyArray<unknown>
) => boolean

process.emit = (event: string | symbol, ...args: ReadonlyArray<unknown>) => {
  if (event === "SIGINT" || event === "SIGTERM") {
    const now = performance.now()
    const last = receivedAt.get(event)
    receivedAt.set(event, now)
    if (last !== undefined && now - last < repeatMillis) return true
  }
  return emit(event, ...args)
}
