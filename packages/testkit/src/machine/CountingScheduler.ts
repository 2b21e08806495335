import { Context } from "effect"
import { MixedScheduler, Scheduler } from "effect/Scheduler"

/** Effect's scheduler with a count of pending tasks. */
export class CountingScheduler extends MixedScheduler {
  /** Number of tasks that are scheduled and have not started. */
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

/** Installs a CountingScheduler as the default scheduler of Effect. Must be called before the first fiber runs. */
export const install = (): void => {
  if (Scheduler.defaultValue() instanceof CountingScheduler) return
  const scheduler = new CountingScheduler()
  Reflect.set(Scheduler, "defaultValue", () => scheduler)
}

/** Returns the installed CountingScheduler. Throws if `install` was not called. */
export const installedScheduler = (): CountingScheduler => {
  const scheduler = Context.get(Context.empty(), Scheduler)
  if (scheduler instanceof CountingScheduler) return scheduler
  throw new Error(
    "no CountingScheduler: add @registry-packages-proxy/testkit/machine/TestSetup to `setupFiles` in vitest's configuration"
  )
}
