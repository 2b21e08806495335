import { Context } from "effect"
import { MixedScheduler, Scheduler } from "effect/Scheduler"

/** Effect's own scheduler, which also knows how many fibers wait for their turn. */
export class CountingScheduler extends MixedScheduler {
  /** Tasks scheduled and not yet begun. */
  pending = 0

  override makeDispatcher(): ReturnType<MixedScheduler["makeDispatcher"]> {
    const dispatcher = super.makeDispatcher()
    const scheduleTask = dispatcher.scheduleTask.bind(dispatcher)
    dispatcher.scheduleTask = (task, priority) => {
      this.pending++
      scheduleTask(() => {
        this.pending--
        task()
      }, priority)
    }
    return dispatcher
  }
}

/** Makes it the scheduler of all fibers that are given no other: done before the first one runs. */
export const install = (): void => {
  if (Scheduler.defaultValue() instanceof CountingScheduler) return
  const scheduler = new CountingScheduler()
  Reflect.set(Scheduler, "defaultValue", () => scheduler)
}

/** The installed one. */
export const installed = (): CountingScheduler => {
  const scheduler = Context.get(Context.empty(), Scheduler)
  if (scheduler instanceof CountingScheduler) return scheduler
  throw new Error(
    "no CountingScheduler: name @registry-packages-proxy/testkit/machine/TestSetup in setupFiles of vitest's configuration"
  )
}
